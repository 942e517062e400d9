"""The kinds of column that tables share, so that each is spelled once.

Every key starts with `account_id`, and every index too: tenants cannot mix, and the tables can be
distributed by account unchanged.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Enum, ForeignKey, Uuid, text


class Channel(StrEnum):
    EMAIL = "EMAIL"
    SMS = "SMS"


class IneligibilityCode(StrEnum):
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    EMAIL_MISSING = "EMAIL_MISSING"
    MOBILE_NOT_VERIFIED = "MOBILE_NOT_VERIFIED"
    SUPPRESSED = "SUPPRESSED"


class MembershipOperationKind(StrEnum):
    ADD = "ADD"
    REMOVE = "REMOVE"
    UNDO = "UNDO"
    ELIGIBILITY_LOST = "ELIGIBILITY_LOST"


class MembershipOperationStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


def account_key() -> Column[UUID]:
    """The account in a primary key."""
    return Column(Uuid, ForeignKey("account.id"), primary_key=True)


def loose_account_key() -> Column[UUID]:
    """The account in the primary key of a table with a row per candidate, where a foreign key checked row by row
    would cost more than the write itself; `segments check` looks for orphans instead."""
    return Column(Uuid, primary_key=True)


def key() -> Column[UUID]:
    """The rest of a primary key. Made in the application as UUIDv7, so that rows are appended, not scattered."""
    return Column(Uuid, primary_key=True)


def moment(nullable: bool = False, now: bool = False) -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=nullable, server_default=text("now()") if now else None)


def enum(kind: type[StrEnum], name: str, **options: Any) -> Column[Any]:
    """A column of the PostgreSQL enum type of this name: four bytes, and nothing else fits in it."""
    return Column(Enum(kind, name=name), **{"nullable": False, **options})
