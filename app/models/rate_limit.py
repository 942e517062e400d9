"""How much everybody asked of late."""

from datetime import datetime

from sqlalchemy import Column, Text
from sqlmodel import Field, SQLModel

from app.models.columns import moment


class RateLimit(SQLModel, table=True):
    """The bucket of points of one subject of an account, when processes count together. Unlogged: after a crash all
    buckets are full, and no write waits for a disk."""

    __tablename__ = "rate_limit"
    __table_args__ = {"prefixes": ["UNLOGGED"]}

    key: str = Field(sa_column=Column(Text, primary_key=True))
    """The account's id and the subject of the token."""
    full_at: datetime = Field(sa_column=moment())
    """When the bucket is full again: all that has to be known of it."""
