"""What changed memberships: who asked, when, why, and with what outcome."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, SmallInteger, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from app.models.columns import (
    MembershipOperationKind,
    MembershipOperationStatus,
    account_key,
    enum,
    key,
    loose_account_key,
    moment,
)


class MembershipOperation(SQLModel, table=True):
    """One addition or removal: its progress while it runs, its record afterwards."""

    __tablename__ = "membership_operation"
    __table_args__ = (
        CheckConstraint(
            "kind <> 'ADD' OR status <> 'COMPLETED'"
            " OR matched_count = added_count + already_member_count + ineligible_count + over_quota_count",
            name="membership_operation_counts",
        ),
        CheckConstraint("reserved >= 0", name="membership_operation_reserved"),
        Index(
            "membership_operation_unfinished",
            "account_id",
            "id",
            postgresql_where=text("status IN ('QUEUED', 'RUNNING')"),
        ),
        Index(
            "membership_operation_by_undone",
            "account_id",
            "undoes",
            unique=True,
            postgresql_where=text("undoes IS NOT NULL AND status NOT IN ('CANCELLED', 'FAILED')"),
        ),
        Index(
            "membership_operation_by_segment", "account_id", "segment_id", text("requested_at DESC"), text("id DESC")
        ),
    )

    account_id: UUID = Field(sa_column=account_key())
    id: UUID = Field(sa_column=key())
    segment_id: UUID | None = None
    """The segment, even after it has been deleted: readers join, and find none."""
    kind: MembershipOperationKind = Field(sa_column=enum(MembershipOperationKind, "membership_operation_kind"))
    status: MembershipOperationStatus = Field(sa_column=enum(MembershipOperationStatus, "membership_operation_status"))
    requested_by: str
    cause: str | None = None
    """Why memberships ended, in words, for ELIGIBILITY_LOST."""
    requested_at: datetime = Field(sa_column=moment())
    finished_at: datetime | None = Field(sa_column=moment(nullable=True))
    matched_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    processed_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    added_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    removed_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    already_member_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    ineligible_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    over_quota_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    ineligible: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'{}'")))
    """How many were left out by each IneligibilityCode."""
    failure: str | None = None
    undoes: UUID | None = None
    """The operation that this one takes back."""
    reserved: int = Field(0, sa_column_kwargs={"server_default": "0"})
    """Endpoints set aside for what it has still to add. They are among `endpoint_usage.reserved`."""
    facts: int | None = Field(sa_column=Column(BigInteger))
    """`endpoint_usage.facts` when it was found out who may join."""
    frozen_at: datetime | None = Field(sa_column=moment(nullable=True))
    """The moment at which they may."""
    cursor: UUID | None = None
    """The last candidate it has dealt with, in the order of ids."""
    stepped_at: datetime | None = Field(sa_column=moment(nullable=True))
    """When it last did a chunk."""
    attempts: int = Field(0, sa_column_kwargs={"server_default": "0"})
    """How often its next chunk has failed so far."""
    retry_at: datetime | None = Field(sa_column=moment(nullable=True))
    """When its next chunk, which failed, is tried again."""
    erased_added_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    """Of `added_count`, those who were erased since, together with their past memberships."""
    erased_removed_count: int = Field(0, sa_column_kwargs={"server_default": "0"})
    """The same of `removed_count`."""


class PendingCandidate(SQLModel, table=True):
    """Up to 100 candidates whom an unfinished operation was asked for and, beyond its cursor, has still to deal
    with."""

    __tablename__ = "pending_candidate"

    account_id: UUID = Field(sa_column=loose_account_key())
    operation_id: UUID = Field(sa_column=key())
    last_candidate_id: UUID = Field(sa_column=key())
    """The greatest of `candidate_ids`, which are sorted."""
    candidate_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))


class SkippedCandidate(SQLModel, table=True):
    """Up to 100 candidates whom an operation left out, and why: a row for each would cost as much as adding them."""

    __tablename__ = "skipped_candidate"

    account_id: UUID = Field(sa_column=loose_account_key())
    operation_id: UUID = Field(sa_column=key())
    last_candidate_id: UUID = Field(sa_column=key())
    """The greatest of `candidate_ids`, which are sorted."""
    candidate_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    reasons: list[int] = Field(sa_column=Column(ARRAY(SmallInteger), nullable=False))
    """For each of them the reasons, as bits of `app.domain.eligibility.BITS`; 0: the contract had no room."""


class IdempotencyKey(SQLModel, table=True):
    """The first outcome of a mutation that came with a key."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("idempotency_key_by_age", "account_id", "created_at"),)

    account_id: UUID = Field(sa_column=loose_account_key())
    key: str = Field(sa_column=Column(Text, primary_key=True))
    input_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """SHA-256 of the mutation's name and input: the same key with another input is refused."""
    outcome: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=moment(now=True))
