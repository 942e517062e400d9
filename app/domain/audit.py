"""The audit log: who changed what, when. Written in the transaction of the change, never changed afterwards.

An entry holds ids and numbers, no names, addresses or keys. Candidates are counted, not named: what became of whom
is in the rows that an erasure deletes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.listing import Listing
from app.domain.names import searched_text
from app.domain.paging import Key, Order
from app.domain.sql import Parameters
from app.settings import Settings

COLUMNS = "e.id, e.at, e.subject, e.action, e.request_id, e.targets, e.counts"

RECORD = """
-- Write down who changed what.
INSERT INTO audit_entry (account_id, at, id, subject, action, request_id, targets, counts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

ORDER = Order("audit entries", (Key("e.at", "timestamptz"), Key("e.id", "uuid")), descending=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be remembered of one change."""

    subject: str
    """Who: the subject of a token, or the command of an operator."""
    action: str
    """The mutation, or what the command did."""
    request_id: str | None = None
    targets: Mapping[str, Sequence[UUID]] = field(default_factory=dict)
    """What was made or touched, by what it was to the change."""
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass
class AuditFilter:
    action: str | None = None
    subject: str | None = None
    from_: datetime | None = None
    to: datetime | None = None


async def record(tx: Transaction, entry: Entry, most_targets: int = 100) -> None:
    """Writes an entry, naming at most so many targets of each kind."""
    targets = {name: [str(id) for id in ids[:most_targets]] for name, ids in entry.targets.items()}
    await tx.fetch(
        RECORD,
        tx.account_id,
        tx.now,
        uuid7(),
        entry.subject,
        entry.action,
        entry.request_id,
        targets,
        dict(entry.counts),
    )


def entries(filter: AuditFilter, settings: Settings) -> Listing:
    """The account's entries, newest first."""

    def condition(p: Parameters) -> str:
        conditions = ["e.account_id = $1"]
        if filter.action is not None:
            conditions.append(f"e.action = {p(searched_text(filter.action, settings.max_text_length))}")
        if filter.subject is not None:
            conditions.append(f"e.subject = {p(searched_text(filter.subject, settings.max_text_length))}")
        if filter.from_ is not None:
            conditions.append(f"e.at >= {p(filter.from_)}")
        if filter.to is not None:
            conditions.append(f"e.at < {p(filter.to)}")
        return " AND ".join(conditions)

    searched = any(given is not None for given in (filter.action, filter.subject, filter.from_, filter.to))
    return Listing("audit entries", COLUMNS, "audit_entry e", condition, ORDER, searched=searched)
