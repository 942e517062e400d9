"""Campaigns, and the segments whose members they are for: included, or excluded."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Database, Transaction
from app.domain.errors import (
    ChannelMismatchError,
    DomainError,
    InvalidInputError,
    NotFoundError,
    Path,
    RefusedError,
    SegmentOutOfUseError,
)
from app.domain.names import many_ids, name
from app.domain.segments import COLUMNS as SEGMENT_COLUMNS
from app.models import Channel
from app.settings import Settings

COLUMNS = "g.id, g.name, g.channel, g.created_at, (g.id, g.channel) AS id_and_channel"

CAMPAIGN_ID = ("input", "campaignId")
NAME = ("input", "name")
INCLUDED = ("input", "includedSegmentIds")
EXCLUDED = ("input", "excludedSegmentIds")

CREATE = """
-- Make a campaign.
INSERT INTO campaign (account_id, id, name, channel, created_at) VALUES ($1, $2, $3, $4, $5)
"""

CHANNEL = """
-- The channel of the campaign.
SELECT channel FROM campaign WHERE account_id = $1 AND id = $2
"""

CHOSEN = """
-- The segments that a campaign is to have.
SELECT id, channel, archived_at FROM segment WHERE account_id = $1 AND id = ANY($2::uuid[])
"""

HELD = """
-- The segments that the campaign has.
SELECT segment_id, excluded FROM campaign_segment WHERE account_id = $1 AND campaign_id = $2
"""

CLEAR = """
-- Take all segments out of the campaign.
DELETE FROM campaign_segment WHERE account_id = $1 AND campaign_id = $2
"""

FILL = """
-- Give the campaign its segments.
INSERT INTO campaign_segment (account_id, campaign_id, segment_id, excluded)
SELECT $1, $2, chosen.id, chosen.id = ANY($4::uuid[]) FROM unnest($3::uuid[]) AS chosen(id) ORDER BY chosen.id
"""

DELETE = """
-- Delete the campaign.
DELETE FROM campaign WHERE account_id = $1 AND id = $2
"""

BY_ID = f"""
-- Campaigns by id.
SELECT {COLUMNS} FROM campaign g WHERE g.account_id = $1 AND g.id = ANY($2::uuid[])
"""

SEGMENTS = f"""
-- The segments that campaigns include, or exclude, by name.
SELECT cs.campaign_id, {SEGMENT_COLUMNS}
FROM campaign_segment cs JOIN segment s ON s.account_id = $1 AND s.id = cs.segment_id
WHERE cs.account_id = $1 AND cs.campaign_id = ANY($2::uuid[]) AND cs.excluded = $3
ORDER BY s.name_key, s.id
"""


@dataclass(frozen=True, slots=True)
class CampaignSegments:
    """What clients name for a campaign: ids in any order; one named twice counts once."""

    included: Sequence[str]
    excluded: Sequence[str]


async def create(tx: Transaction, text: str, channel: Channel, segments: CampaignSegments, settings: Settings) -> UUID:
    """Makes a campaign; another may have its name. Raises InvalidInputError, and RefusedError for its segments."""
    kept = name(text, NAME)
    campaign_id: UUID = uuid7()
    await tx.fetch(CREATE, tx.account_id, campaign_id, kept, channel, tx.now)
    await _set(tx, campaign_id, channel, {}, segments, settings)
    return campaign_id


async def set_segments(tx: Transaction, campaign_id: UUID, segments: CampaignSegments, settings: Settings) -> None:
    """Replaces the segments of a campaign. Raises NotFoundError, InvalidInputError, and RefusedError for segments."""
    channel = await _channel(tx, campaign_id)
    held = {row["segment_id"]: row["excluded"] for row in await tx.fetch(HELD, tx.account_id, campaign_id)}
    await _set(tx, campaign_id, channel, held, segments, settings)


async def delete(tx: Transaction, campaign_id: UUID) -> None:
    """Deletes a campaign; its segments stay. Raises NotFoundError."""
    await _channel(tx, campaign_id)
    await tx.fetch(CLEAR, tx.account_id, campaign_id)
    await tx.fetch(DELETE, tx.account_id, campaign_id)


async def by_id(database: Database, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return {row["id"]: row for row in await database.fetch(BY_ID, account_id, ids)}


async def segments_of(
    database: Database, account_id: UUID, campaign_ids: Sequence[UUID], *, excluded: bool
) -> dict[UUID, list[Record]]:
    """The segments that each campaign includes, or those that it excludes."""
    found: dict[UUID, list[Record]] = {id: [] for id in campaign_ids}
    for row in await database.fetch(SEGMENTS, account_id, list(campaign_ids), excluded):
        found[row["campaign_id"]].append(row)
    return found


async def _channel(tx: Transaction, campaign_id: UUID) -> Channel:
    channel = await tx.fetchval(CHANNEL, tx.account_id, campaign_id)
    if channel is None:
        raise NotFoundError(CAMPAIGN_ID, "campaign")
    return Channel(channel)


async def _set(
    tx: Transaction,
    campaign_id: UUID,
    channel: Channel,
    held: Mapping[UUID, bool],
    segments: CampaignSegments,
    settings: Settings,
) -> None:
    """`held` are the segments that the campaign has, and whether it excludes them. None are written when these are
    the same."""
    included = many_ids(segments.included, INCLUDED, settings.max_ids)
    excluded = many_ids(segments.excluded, EXCLUDED, settings.max_ids)
    chosen = {id for id in (*included, *excluded) if id}
    if len(chosen) > settings.max_campaign_segments:
        raise InvalidInputError(
            INCLUDED, f"A campaign has at most {settings.max_campaign_segments} segments, not {len(chosen)}."
        )
    found = {row["id"]: row for row in await tx.fetch(CHOSEN, tx.account_id, list(chosen))}
    errors = [
        *_obstacles(included, INCLUDED, found, channel, kept={id for id in held if not held[id]}),
        *_obstacles(excluded, EXCLUDED, found, channel, also=set(included)),
    ]
    if errors:
        raise RefusedError(errors)
    if {id: id in excluded for id in chosen} != held:
        await tx.fetch(CLEAR, tx.account_id, campaign_id)
        await tx.fetch(FILL, tx.account_id, campaign_id, list(chosen), excluded)


def _obstacles(
    ids: Sequence[UUID | None],
    path: Path,
    found: dict[UUID, Any],
    channel: Channel,
    kept: Set[UUID] = frozenset(),
    also: Set[UUID | None] | None = None,
) -> list[DomainError]:
    """What stands in the way of each segment, by its index. `kept` are those that were included before; `also` are the
    included ones, when these are excluded."""
    errors: list[DomainError] = []
    for index, id in enumerate(ids):
        at = (*path, str(index))
        segment = found.get(id) if id else None
        if segment is None:
            errors.append(NotFoundError(at, "segment"))
        elif segment["channel"] != channel:
            errors.append(ChannelMismatchError(at, segment_channel=segment["channel"], channel=channel.value))
        elif also is not None and id in also:
            errors.append(InvalidInputError(at, "A segment is included or excluded, not both."))
        elif also is None and segment["archived_at"] is not None and id not in kept:
            errors.append(SegmentOutOfUseError(at))
    return errors
