"""Whom a campaign would reach now: members of an included and of no excluded segment, eligible now, each once.

A page goes through candidates in order and asks of each, or gathers the members of small segments. To count, or to go
through all, is planned for the segments themselves, whose sizes PostgreSQL knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.database import Database
from app.domain.eligibility import Rules, eligible
from app.domain.listing import MOST_WALKED, Listing
from app.domain.lists import COLUMNS_OF_CANDIDATE
from app.domain.paging import Key, Order, Window
from app.domain.sql import Parameters, Wanted, chosen
from app.models import Channel
from app.snapshots import Snapshot

ORDER = Order("audience", (Key("c.id", "uuid"),))
"""Nobody changes their place, so that nobody is met twice while segments change between two pages."""

SEGMENTS = """
-- The segments that campaigns include and exclude.
SELECT campaign_id, segment_id, excluded FROM campaign_segment WHERE account_id = $1 AND campaign_id = ANY($2::uuid[])
"""

REACH = """
-- The segments of one campaign.
SELECT array_agg(cs.segment_id) AS segments, array_agg(cs.segment_id) FILTER (WHERE NOT cs.excluded) AS included
FROM campaign_segment cs WHERE cs.account_id = $1 AND cs.campaign_id = parent.id
"""

REACHED = (
    "(SELECT bool_and(m.segment_id = ANY(reach.included)) FROM segment_member m"
    " WHERE m.account_id = $1 AND m.candidate_id = c.id AND m.segment_id = ANY(reach.segments))"
)
"""As it is asked of one candidate: true for a member of included segments only, null for a member of none."""


@dataclass(slots=True)
class Reach:
    """The segments of one campaign."""

    included: list[UUID]
    excluded: list[UUID]

    def source(self, p: Parameters) -> str:
        """Everybody in an included segment, once, as the candidate `c`: what a FROM and a WHERE need."""
        return (
            "(SELECT DISTINCT m.candidate_id FROM segment_member m"
            f" WHERE m.account_id = $1 AND m.segment_id = ANY({p(self.included)}::uuid[])) AS included"
            " JOIN candidate c ON c.account_id = $1 AND c.id = included.candidate_id"
            " WHERE NOT EXISTS (SELECT FROM segment_member x WHERE x.account_id = $1"
            f" AND x.segment_id = ANY({p(self.excluded)}::uuid[]) AND x.candidate_id = c.id)"
        )


async def reach(source: Database | Snapshot, account_id: UUID, campaign_ids: Sequence[UUID]) -> dict[UUID, Reach]:
    found = {id: Reach([], []) for id in campaign_ids}
    for row in await source.fetch(SEGMENTS, account_id, list(campaign_ids)):
        of_campaign = found[row["campaign_id"]]
        (of_campaign.excluded if row["excluded"] else of_campaign.included).append(row["segment_id"])
    return found


def audiences(channel: Channel, rules: Rules, wanted: Wanted = None) -> Listing:
    """The audience of each campaign, all of this channel."""
    return Listing(
        "the audience of a campaign",
        chosen(COLUMNS_OF_CANDIDATE, wanted),
        partial(_reached, channel, rules),
        lambda _: "true",
        ORDER,
        searched=True,
        count=partial(_count, channel, rules),
    )


def _reached(channel: Channel, rules: Rules, p: Parameters, window: Window | None) -> str:
    """Both ways in one statement: to go through the first candidates in order, or, when these do not fill the page,
    through the members of the included segments, who are few then."""
    assert window is not None
    filled = f"(SELECT count(*) FROM walked) = {window.limit}"
    beyond = window.condition(ORDER, p)
    reached = f"{REACHED} AND {eligible(rules, channel, 'c', p, 'now()')}"
    return f"""(
WITH reach AS MATERIALIZED ({REACH}), walked AS MATERIALIZED (
  SELECT c.*
  FROM reach CROSS JOIN (
    SELECT c.* FROM candidate c WHERE c.account_id = $1 AND {beyond} ORDER BY c.id LIMIT {MOST_WALKED}) AS c
  WHERE {reached} ORDER BY c.id LIMIT {window.limit}), member AS MATERIALIZED (
  SELECT DISTINCT m.candidate_id AS id FROM segment_member m
  WHERE m.account_id = $1 AND m.segment_id = ANY((SELECT included FROM reach)::uuid[]) AND NOT {filled})
SELECT * FROM walked WHERE {filled}
UNION ALL SELECT * FROM (
  SELECT found.* FROM reach CROSS JOIN (SELECT id FROM member ORDER BY id) AS member CROSS JOIN LATERAL (
    SELECT c.* FROM candidate c
    WHERE c.account_id = $1 AND c.id = member.id AND {beyond} AND {reached} OFFSET 0) AS found
  ORDER BY member.id LIMIT {window.limit}) AS sought WHERE NOT {filled}) AS c"""


async def _count(
    channel: Channel, rules: Rules, database: Database, account_id: UUID, campaign_ids: Sequence[UUID]
) -> dict[UUID, int]:
    p = Parameters(account_id)
    counts = [
        f"SELECT {p(campaign_id)}::uuid AS id, count(*) FROM {of_campaign.source(p)}"
        f" AND {eligible(rules, channel, 'c', p, 'now()')}"
        for campaign_id, of_campaign in (await reach(database, account_id, campaign_ids)).items()
    ]
    statement = "-- For each campaign, count whom it would reach.\n" + "\nUNION ALL ".join(counts)
    return {row["id"]: row["count"] for row in await database.search(statement, *p.values)}
