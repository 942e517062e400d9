"""Which policies the segments of a channel demand. Who does not meet a new demand leaves: in the same transaction or,
when they are many, by operations in the background, during which readers leave them out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.database import Database, Transaction
from app.domain import lapses, losses
from app.domain.eligibility import Rules, eligible, not_lapsed, outlawed, rules
from app.domain.errors import LostCountChangedError, Path
from app.domain.items import missing
from app.domain.losses import Ending, Losses, Lost
from app.domain.names import not_found
from app.domain.policies import KNOWN
from app.domain.sql import Parameters
from app.models import Channel
from app.settings import Settings

POLICY_IDS = ("input", "policyIds")
EXPECTED = ("input", "expectedLostCount")

CAUSE = "A privacy policy is demanded now."

DROP = """
-- Demand no other policies than these any more.
DELETE FROM policy_requirement WHERE account_id = $1 AND channel = $2 AND policy_id <> ALL($3::uuid[])
"""

DEMAND = """
-- Demand these policies from now on.
INSERT INTO policy_requirement AS t (account_id, channel, policy_id, enforcing_since)
SELECT $1, $2, p.id, $4 FROM unnest($3::uuid[]) AS p(id)
WHERE NOT EXISTS (
  SELECT FROM policy_requirement r WHERE r.account_id = $1 AND r.channel = $2 AND r.policy_id = p.id)
ORDER BY p.id
"""


UNSETTLED = """
-- Whether operations have still to end memberships of the channel that readers leave out.
SELECT u.lapses_queued_until IS NOT NULL OR u.losing_since IS NOT NULL OR EXISTS (
  SELECT FROM policy_requirement r WHERE r.account_id = $1 AND r.channel = $2 AND r.enforcing_since IS NOT NULL)
FROM endpoint_usage u WHERE u.account_id = $1
"""

ENFORCING = """
-- The channels with a demand that is being enforced.
SELECT DISTINCT channel FROM policy_requirement WHERE account_id = $1 AND enforcing_since IS NOT NULL ORDER BY channel
"""

ENFORCED = """
-- All members of the channel meet what it demands.
UPDATE policy_requirement SET enforcing_since = NULL
WHERE account_id = $1 AND channel = $2 AND enforcing_since IS NOT NULL
"""


async def preview(
    database: Database, account_id: UUID, channel: Channel, policy_ids: Sequence[UUID | None], path: Path
) -> Losses:
    """Who would leave if the channel demanded exactly these policies. Raises a NotFoundError for each that is none."""
    rows = await database.fetch(KNOWN, account_id, [id for id in policy_ids if id])
    known = _known(policy_ids, [row["id"] for row in rows], path)
    lost = _not_meeting(_demanding(await rules(database, account_id), channel, known), channel)
    return await losses.count(database, account_id, lost)


async def demand(
    tx: Transaction,
    channel: Channel,
    policy_ids: Sequence[UUID | None],
    expected: int | None,
    requested_by: str,
    settings: Settings,
) -> Ending:
    """Lets the channel demand exactly these policies. Memberships that do not meet that end, at once up to
    `inline_add_limit` of them.

    Raises a NotFoundError for each id that is none, and LostCountChangedError.
    """
    rows = await tx.fetch(KNOWN, tx.account_id, [id for id in policy_ids if id])
    known = _known(policy_ids, [row["id"] for row in rows], POLICY_IDS)
    demands = await rules(tx, tx.account_id)
    if set(known) == set(demands.policies[channel]):
        _demand_expected(expected, 0)
        return Ending()
    await lapses.sweep(tx, settings)
    lost = _not_meeting(_demanding(demands, channel, known), channel, tx.now)
    ending = await losses.end_or_queue(tx, lost, CAUSE, requested_by, settings)
    _demand_expected(expected, ending.memberships)
    # Those who are out of sight already have still to leave for more reasons than before.
    enforcing = ending.queued or await tx.fetchval(UNSETTLED, tx.account_id, channel)
    await tx.fetch(DROP, tx.account_id, channel, known)
    await tx.fetch(DEMAND, tx.account_id, channel, known, tx.now if enforcing else None)
    return ending


async def settle(tx: Transaction, settings: Settings) -> int:
    """Ends the enforcing of demands once everybody meets them; whoever is left, because an operation failed, leaves
    now or by another operation. Returns how many memberships it ended."""
    ended = 0
    for row in await tx.fetch(ENFORCING, tx.account_id):
        channel = row["channel"]
        ending = await losses.end_or_queue(tx, _outlawed(channel, tx.now), CAUSE, lapses.SYSTEM, settings)
        ended += ending.ended
        if not ending.queued:
            await tx.fetch(ENFORCED, tx.account_id, channel)
    return ended


def _demand_expected(expected: int | None, actual: int) -> None:
    if expected is not None and expected != actual:
        raise LostCountChangedError(EXPECTED, expected, actual)


def _known(policy_ids: Sequence[UUID | None], known: Sequence[UUID], path: Path) -> list[UUID]:
    if unknown := missing(policy_ids, known):
        raise not_found(unknown, path, "privacy policy")
    return list(known)


def _demanding(demands: Rules, channel: Channel, policy_ids: Sequence[UUID]) -> Rules:
    return replace(demands, policies={**demands.policies, channel: tuple(sorted(policy_ids))})


def _not_meeting(demands: Rules, channel: Channel, now: datetime | None = None) -> Lost:
    """Memberships of the channel that stand now and would not under these rules."""

    def condition(p: Parameters) -> str:
        stays = eligible(demands, channel, "c", p, "now()" if now is None else p.when_used(now))
        stands = not_lapsed("m.channel", "m.candidate_id")
        return f"m.channel = '{channel}' AND {stands} AND NOT coalesce({stays}, false)"

    return condition


def _outlawed(channel: Channel, now: datetime) -> Lost:
    """Memberships of the channel that no longer stand, by a demand that is being enforced."""
    return lambda p: f"m.channel = '{channel}' AND {outlawed('m.channel', 'm.candidate_id', p.when_used(now))}"
