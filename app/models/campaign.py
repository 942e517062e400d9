"""Campaigns and the segments they point at."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.models.columns import Channel, account_key, enum, key, moment


class Campaign(SQLModel, table=True):
    """Something to be sent through one channel."""

    __tablename__ = "campaign"
    __table_args__ = (Index("campaign_by_creation", "account_id", text("created_at DESC"), text("id DESC")),)

    account_id: UUID = Field(sa_column=account_key())
    id: UUID = Field(sa_column=key())
    name: str
    channel: Channel = Field(sa_column=enum(Channel, "channel"))
    created_at: datetime = Field(sa_column=moment(now=True))


class CampaignSegment(SQLModel, table=True):
    """The campaign includes the segment's members, or excludes them."""

    __tablename__ = "campaign_segment"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"]),
        ForeignKeyConstraint(["account_id", "segment_id"], ["segment.account_id", "segment.id"]),
        Index("campaign_segment_by_segment", "account_id", "segment_id"),
    )

    account_id: UUID = Field(sa_column=account_key())
    campaign_id: UUID = Field(sa_column=key())
    segment_id: UUID = Field(sa_column=key())
    excluded: bool = Field(False, sa_column_kwargs={"server_default": text("false")})
