"""Whom a campaign would reach now: members of an included and of no excluded segment, eligible now, each once."""

from app.domain.eligibility import Rules, eligible
from app.domain.listing import MOST_WALKED_COMBINED, Listing, Walk
from app.domain.lists import COLUMNS_OF_CANDIDATE
from app.domain.paging import Key, Order
from app.domain.sql import Parameters, Wanted, chosen
from app.models import Channel

ORDER = Order("audience", (Key("c.id", "uuid"),))
"""Somebody who changes segments while a client pages is not met twice."""


def audience(channel: Channel, rules: Rules, wanted: Wanted = None) -> Listing:
    """The audience of campaigns of this channel."""

    def probed(p: Parameters) -> str:
        """As it is asked of one candidate."""
        return f"EXISTS ({_membership('c.id', excluded=False)}) AND {_left(channel, rules, p)}"

    def sought(p: Parameters) -> str:
        """As it is asked of all: from the members of the included segments."""
        return f"c.account_id = $1 AND {_left(channel, rules, p)}"

    walk = Walk("candidate", "c", lambda _: "c.account_id = $1", "", probed, MOST_WALKED_COMBINED)
    return Listing(
        "the audience of a campaign",
        chosen(COLUMNS_OF_CANDIDATE, wanted),
        SOURCE,
        sought,
        ORDER,
        searched=True,
        walk=walk,
    )


SOURCE = (
    "(SELECT DISTINCT m.candidate_id FROM campaign_segment cs"
    " JOIN segment_member m ON m.account_id = $1 AND m.segment_id = cs.segment_id"
    " WHERE cs.account_id = $1 AND cs.campaign_id = parent.id AND NOT cs.excluded) AS included"
    " JOIN candidate c ON c.account_id = $1 AND c.id = included.candidate_id"
)


def _left(channel: Channel, rules: Rules, p: Parameters) -> str:
    return f"NOT EXISTS ({_membership('c.id', excluded=True)}) AND {eligible(rules, channel, 'c', p, 'now()')}"


def _membership(candidate: str, *, excluded: bool) -> str:
    return (
        "SELECT FROM segment_member m JOIN campaign_segment cs ON cs.account_id = $1"
        f" AND cs.campaign_id = parent.id AND cs.segment_id = m.segment_id AND {'' if excluded else 'NOT '}cs.excluded"
        f" WHERE m.account_id = $1 AND m.candidate_id = {candidate}"
    )
