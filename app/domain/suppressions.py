"""Addresses that must not be contacted, whoever has them. Suppressing one ends memberships in its channel, in the same
transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.database import Transaction
from app.domain import addresses
from app.domain.candidates import InvalidValueError, required_text
from app.domain.errors import DomainError, InvalidInputError
from app.domain.items import Kept
from app.domain.lapses import end_lost_memberships
from app.models import Channel

SUPPRESSIONS = ("input", "suppressions")

LONGEST_REASON = 500

ADD = """
-- Suppress addresses, e-mail addresses in lower case as PostgreSQL has it. Those that are suppressed stay as they are.
INSERT INTO suppression AS t (account_id, channel, address, reason, created_by, created_at)
SELECT $1, given.channel, given.address, given.reason, $5, $6
FROM (
  SELECT DISTINCT ON (1, 2) each.channel::channel AS channel, lower(each.address) AS address, each.reason
  FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS each(channel, address, reason, place)
  ORDER BY 1, 2, each.place) AS given
WHERE NOT EXISTS (
  SELECT FROM suppression s
  WHERE s.account_id = $1 AND s.channel = given.channel AND s.address = given.address)
ORDER BY given.channel, given.address
RETURNING 1
"""

LIFT = """
-- Lift the suppression of addresses.
DELETE FROM suppression s USING unnest($2::text[], $3::text[]) AS given(channel, address)
WHERE s.account_id = $1 AND s.channel = given.channel::channel AND s.address = lower(given.address)
RETURNING s.address
"""

WHOSE = """
-- Who has these addresses.
SELECT c.id FROM candidate c
WHERE c.account_id = $1
  AND lower(c.email) COLLATE "C" = ANY(ARRAY(SELECT lower(e) COLLATE "C" FROM unnest($2::text[]) AS e))
UNION
SELECT c.id FROM candidate c WHERE c.account_id = $1 AND c.verified_mobile = ANY($3::text[])
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where messages of a channel go, and why none shall."""

    channel: Channel
    address: str
    reason: str = ""


async def add(tx: Transaction, given: Sequence[Address], requested_by: str) -> tuple[int, Kept]:
    """Suppresses addresses, and ends the memberships in their channel of whoever has them. Returns how many were not
    suppressed before, and what came of those who have them.

    An address that is suppressed already stays as it is. Refused are those that are no addresses of their channel, or
    without a reason.
    """
    sound, refused = _sound(given, with_reason=True)
    if not sound:
        return 0, Kept(refused=tuple(refused))
    added = await tx.bulk(
        ADD,
        tx.account_id,
        [each.channel.value for each in sound],
        [each.address for each in sound],
        [each.reason for each in sound],
        requested_by,
        tx.now,
    )
    by_channel = {channel: [each.address for each in sound if each.channel is channel] for channel in Channel}
    rows = await tx.bulk(WHOSE, tx.account_id, by_channel[Channel.EMAIL], by_channel[Channel.SMS])
    candidate_ids: list[UUID] = [row["id"] for row in rows]
    ended = await end_lost_memberships(tx, candidate_ids, "An address was suppressed.", requested_by)
    return len(added), Kept(tuple(candidate_ids), ended, tuple(refused))


async def lift(tx: Transaction, given: Sequence[Address]) -> tuple[int, list[DomainError]]:
    """Lets addresses be contacted again. Nobody joins a segment by that. Returns how many were suppressed, and what is
    refused: what is no address of its channel."""
    sound, refused = _sound(given, with_reason=False)
    channels, texts = [each.channel.value for each in sound], [each.address for each in sound]
    return len(await tx.bulk(LIFT, tx.account_id, channels, texts)), refused


def _sound(given: Sequence[Address], with_reason: bool) -> tuple[list[Address], list[DomainError]]:
    sound: list[Address] = []
    refused: list[DomainError] = []
    for index, each in enumerate(given):
        try:
            address = _normal(each)
            reason = required_text(each.reason, "reason", LONGEST_REASON) if with_reason else ""
        except InvalidValueError as error:
            refused.append(InvalidInputError((*SUPPRESSIONS, str(index), error.field), f"{error}."))
        else:
            sound.append(Address(each.channel, address, reason))
    return sound, refused


def _normal(given: Address) -> str:
    """The address as candidates have it. Raises InvalidValueError."""
    found = required_text(given.address, "address", addresses.LONGEST_EMAIL)
    try:
        if given.channel is Channel.EMAIL:
            return addresses.email_address(found)
        return addresses.mobile_number(found)
    except (addresses.InvalidEmailError, addresses.InvalidMobileError) as error:
        raise InvalidValueError("address", str(error)) from None
