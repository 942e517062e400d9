"""Who changed what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.models.columns import key, loose_account_key

APPEND_ONLY = ("audit_entry",)
"""Tables that the role that serves may add to and read, and nothing else."""


class AuditEntry(SQLModel, table=True):
    """One change that somebody asked for: who, when, and what it touched, by ids and numbers alone.

    Nothing in it is about a candidate, so that those who are erased are gone from here too. The key has the order of
    the log, so that it needs no other index, and the moment, so that the owner can partition the table by it.
    """

    __tablename__ = "audit_entry"

    account_id: UUID = Field(sa_column=loose_account_key())
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    id: UUID = Field(sa_column=key())
    subject: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    request_id: str | None = Field(sa_column=Column(Text))
    targets: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'{}'")))
    """Lists of ids by what they were to the change: `segment`, `operation`, `includedSegment`."""
    counts: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'{}'")))
    """Numbers by what they count: `candidateIds`, `endpointLimit`."""
