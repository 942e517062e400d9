"""Segments themselves: made, renamed, archived, restored, deleted and listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Database, Transaction
from app.domain import operations
from app.domain.endings import end_memberships
from app.domain.errors import BadUserInputError, InUseError, NameTakenError, NotFoundError, Path, SegmentArchivedError
from app.domain.names import name, name_key
from app.domain.operations import Asked, Outcome
from app.domain.sql import Parameters
from app.models import Channel, MembershipOperationKind

COLUMNS = "s.id, s.name, s.channel, s.created_at, s.last_modified_at, s.archived_at, s.member_count"

SEGMENT_ID = ("input", "segmentId")
NAME = ("input", "name")

DELETED = "The segment was deleted."

CREATE = """
-- Make a segment.
INSERT INTO segment (account_id, id, name, name_key, channel, created_at, last_modified_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
"""

NAMED = """
-- The segment of this name.
SELECT id FROM segment WHERE account_id = $1 AND name_key = $2
"""

STATE = """
-- What a change must know of the segment.
SELECT name, channel, archived_at, member_count FROM segment WHERE account_id = $1 AND id = $2
"""

RENAME = """
-- Give the segment another name.
UPDATE segment SET name = $3, name_key = $4, last_modified_at = $5 WHERE account_id = $1 AND id = $2
"""

ARCHIVE = """
-- Archive the segment, or restore it.
UPDATE segment SET archived_at = $3, last_modified_at = $4 WHERE account_id = $1 AND id = $2
"""

CAMPAIGNS = """
-- How many campaigns use the segment.
SELECT count(DISTINCT campaign_id) FROM campaign_segment WHERE account_id = $1 AND segment_id = $2
"""

DELETE = """
-- Delete the segment.
DELETE FROM segment WHERE account_id = $1 AND id = $2
"""

BY_ID = f"""
-- Segments by id.
SELECT {COLUMNS} FROM segment s WHERE s.account_id = $1 AND s.id = ANY($2::uuid[])
"""


NOW = """
-- This moment, by the clock that changes are dated by.
SELECT clock_timestamp() AS now FROM account WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """The segment that a change of members is about."""

    id: UUID
    channel: Channel


async def open_for_change(tx: Transaction, segment_id: UUID) -> SegmentRef:
    """The segment, when its members may be changed. Raises NotFoundError, SegmentArchivedError."""
    return changeable(segment_id, await tx.fetchrow(STATE, tx.account_id, segment_id), SEGMENT_ID)


def changeable(segment_id: UUID, row: Record | None, path: Path) -> SegmentRef:
    """The segment of a row, when there is one and it is not archived. Raises NotFoundError, SegmentArchivedError."""
    if row is None:
        raise NotFoundError(path, "segment")
    if row["archived_at"] is not None:
        raise SegmentArchivedError(path)
    return SegmentRef(segment_id, Channel(row["channel"]))


async def create(tx: Transaction, text: str, channel: Channel) -> UUID:
    """Makes an empty segment. Raises InvalidInputError, NameTakenError."""
    kept = name(text, NAME)
    await _demand_free(tx, kept, None)
    segment_id: UUID = uuid7()
    await tx.fetch(CREATE, tx.account_id, segment_id, kept, name_key(kept), channel, tx.now)
    return segment_id


async def rename(tx: Transaction, segment_id: UUID, text: str) -> None:
    """Renames a segment, archived or not; its own name changes nothing. Raises InvalidInputError, NotFoundError,
    NameTakenError."""
    kept = name(text, NAME)
    if kept == (await _state(tx, segment_id))["name"]:
        return
    await _demand_free(tx, kept, segment_id)
    await tx.fetch(RENAME, tx.account_id, segment_id, kept, name_key(kept), tx.now)


async def archive(tx: Transaction, segment_id: UUID) -> None:
    """Archives a segment; its members stay and count on, and operations under way on it go on. An archived one stays as
    it is. Raises NotFoundError."""
    if (await _state(tx, segment_id))["archived_at"] is None:
        await tx.fetch(ARCHIVE, tx.account_id, segment_id, tx.now, tx.now)


async def restore(tx: Transaction, segment_id: UUID) -> None:
    """Takes a segment out of the archive. Raises NotFoundError."""
    if (await _state(tx, segment_id))["archived_at"] is not None:
        await tx.fetch(ARCHIVE, tx.account_id, segment_id, None, tx.now)


async def delete(tx: Transaction, segment_id: UUID, requested_by: str) -> None:
    """Deletes a segment, and ends its memberships and the operations under way on it. Raises NotFoundError,
    InUseError."""
    state = await _state(tx, segment_id)
    campaign_count = await tx.fetchval(CAMPAIGNS, tx.account_id, segment_id)
    if campaign_count:
        raise InUseError(SEGMENT_ID, campaign_count)
    await operations.cancel_of_segment(tx, segment_id, DELETED)
    if state["member_count"]:
        operation_id = operations.new_id()
        ended = await end_memberships(tx, {segment_id: operation_id}, "true", Parameters(tx.account_id))
        outcome = Outcome(matched=ended[operation_id], removed=ended[operation_id])
        asked = Asked(MembershipOperationKind.REMOVE, requested_by, DELETED)
        await operations.record(tx, operation_id, segment_id, asked, outcome)
    await tx.fetch(DELETE, tx.account_id, segment_id)


async def by_id(database: Database, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return {row["id"]: row for row in await database.fetch(BY_ID, account_id, ids)}


async def demand_past(database: Database, account_id: UUID, at: datetime) -> None:
    """Raises BadUserInputError for a moment that is yet to come: nobody knows who will be in a segment then."""
    if at <= datetime.now(UTC):
        return
    [row] = await database.fetch(NOW, account_id)
    if at > row["now"]:
        raise BadUserInputError("`at` is in the future.")


async def _state(tx: Transaction, segment_id: UUID) -> Record:
    state = await tx.fetchrow(STATE, tx.account_id, segment_id)
    if state is None:
        raise NotFoundError(SEGMENT_ID, "segment")
    return state


async def _demand_free(tx: Transaction, kept: str, segment_id: UUID | None) -> None:
    """The name must not belong to another segment. Only changes in the account's turn make names, so looking is
    enough; the unique index is there for the day somebody forgets."""
    taken = await tx.fetchval(NAMED, tx.account_id, name_key(kept))
    if taken is not None and taken != segment_id:
        raise NameTakenError(NAME, taken)
