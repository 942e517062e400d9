"""Segments, who is in them and who was."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, DateTime, Index, String
from sqlmodel import Field, SQLModel

from app.models.columns import Channel, account_key, enum, key, loose_account_key, moment


class Segment(SQLModel, table=True):
    """A named set of candidates to be contacted through one channel."""

    __tablename__ = "segment"
    __table_args__ = (
        CheckConstraint("member_count >= 0", name="segment_member_count"),
        Index("segment_by_name", "account_id", "name_key", unique=True),
    )

    account_id: UUID = Field(sa_column=account_key())
    id: UUID = Field(sa_column=key())
    name: str
    name_key: str = Field(sa_type=String(collation="C"))
    """The name without regard to case: what must be unique, and what names are sorted by, whatever the locale."""
    channel: Channel = Field(sa_column=enum(Channel, "channel"))
    created_at: datetime = Field(sa_column=moment(now=True))
    last_modified_at: datetime = Field(sa_column=moment(now=True))
    archived_at: datetime | None = Field(sa_column=moment(nullable=True))
    member_count: int = Field(0, sa_column_kwargs={"server_default": "0"})


class SegmentMember(SQLModel, table=True):
    """A candidate is in a segment. The primary key serves pages by date of addition; the other index keeps a
    candidate from being in twice and finds the endpoints, which are its distinct (candidate, channel) pairs."""

    __tablename__ = "segment_member"
    __table_args__ = (
        Index("segment_member_by_candidate", "account_id", "candidate_id", "channel", "segment_id", unique=True),
    )

    account_id: UUID = Field(sa_column=loose_account_key())
    segment_id: UUID = Field(sa_column=key())
    added_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    candidate_id: UUID = Field(sa_column=key())
    channel: Channel = Field(sa_column=enum(Channel, "channel"))
    operation_id: UUID
    """The operation that added the candidate."""


class PastSegmentMember(SQLModel, table=True):
    """A candidate was in a segment from `added_at` until `removed_at`."""

    __tablename__ = "past_segment_member"
    __table_args__ = (
        Index("past_segment_member_by_removal", "account_id", "removed_by", "candidate_id"),
        Index("past_segment_member_by_candidate", "account_id", "candidate_id"),
        # Who was in the segment at a moment, page by page.
        Index("past_segment_member_by_addition", "account_id", "segment_id", "added_at", "candidate_id", "removed_at"),
    )

    account_id: UUID = Field(sa_column=loose_account_key())
    segment_id: UUID = Field(sa_column=key())
    removed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    candidate_id: UUID = Field(sa_column=key())
    added_at: datetime = Field(sa_column=moment())
    added_by: UUID
    """The operation that added the candidate."""
    removed_by: UUID
    """The operation that removed the candidate."""
