"""What the connections of the graph list, in which orders, under which conditions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache

from app.domain.campaigns import COLUMNS as CAMPAIGN_COLUMNS
from app.domain.conditions import FIRST_NAME, LAST_NAME, Conditions
from app.domain.eligibility import Rules, eligible, not_lapsed
from app.domain.listing import MOST_WALKED, MOST_WALKED_COMBINED, MOST_WALKED_UNSERVED, Listing, Walk
from app.domain.names import name_key, searched_text, uuid
from app.domain.operations import COLUMNS as OPERATION_COLUMNS
from app.domain.paging import Key, Order, Window
from app.domain.search import CandidateFilter, where
from app.domain.segments import COLUMNS as SEGMENT_COLUMNS
from app.domain.sql import MOST_CHOICES, Parameters, Wanted, chosen
from app.models import Channel
from app.settings import Settings

COLUMNS_OF_CANDIDATE = (
    "c.id", "c.external_id", "c.first_name", "c.last_name", "c.email", "c.mobile", "c.verified_mobile", "c.city",
    "c.country", "c.headline", "c.skills", "c.created_at", "c.updated_at",
)  # fmt: skip
CANDIDATE_COLUMNS = ", ".join(COLUMNS_OF_CANDIDATE)
VACANCY_COLUMNS = "v.id, v.external_id, v.title, v.opened_at, v.closed_at"
CANDIDATE_LIST_COLUMNS = "l.id, l.external_id, l.name"


def _orders(rows: str, keys: Mapping[str, tuple[Key, ...]]) -> dict[tuple[str, bool], Order]:
    """The orders of a list, by the field that it is sorted by and whether that descends."""
    return {
        (field, descending): Order(f"{rows} by {field}", those, descending)
        for field, those in keys.items()
        for descending in (False, True)
    }


BY_LAST_NAME = (Key(LAST_NAME, "text"), Key(FIRST_NAME, "text"), Key("c.id", "uuid"))

CANDIDATE_ORDERS = _orders(
    "candidates",
    {"LAST_NAME": BY_LAST_NAME, "CREATED_AT": (Key("c.created_at", "timestamptz"), Key("c.id", "uuid"))},
)

MEMBER_ORDERS = _orders(
    "members",
    {"LAST_NAME": BY_LAST_NAME, "ADDED_AT": (Key("m.added_at", "timestamptz"), Key("m.candidate_id", "uuid"))},
)

SEGMENT_ORDERS = _orders(
    "segments",
    {
        "NAME": (Key("s.name_key", "text"), Key("s.id", "uuid")),
        "CREATED_AT": (Key("s.created_at", "timestamptz"), Key("s.id", "uuid")),
        "LAST_MODIFIED_AT": (Key("s.last_modified_at", "timestamptz"), Key("s.id", "uuid")),
        "MEMBER_COUNT": (Key("s.member_count", "int"), Key("s.id", "uuid")),
    },
)


@dataclass
class SegmentFilter:
    name_contains: str | None = None
    channel: Channel | None = None
    archived: bool | None = False
    available_for: str | None = None


def candidates(
    filter: CandidateFilter | None,
    field: str,
    descending: bool,
    rules: Rules,
    settings: Settings,
    wanted: Wanted = None,
) -> Listing:
    planned_once = not (filter and filter.within_sets)
    newest = field == "CREATED_AT"
    country = filter.country if filter and newest and filter.whole_country is not None else None

    def scope(p: Parameters) -> str:
        conditions = Conditions(p, rules, settings, probing=True, planned_once=planned_once)
        parts = ["c.account_id = $1"]
        if country:
            parts.append(conditions.country(country))
        if filter and filter.created_at and newest:
            parts.append(conditions.created_at(filter.created_at))
        return " AND ".join(parts)

    walk = Walk(
        "candidate",
        "c",
        scope,
        "",
        lambda p: where(
            filter,
            p,
            rules,
            settings,
            probing=True,
            planned_once=planned_once,
            but="country" if country else None,
        ),
        _most_walked(filter),
        planned_once,
    )
    return Listing(
        "candidates",
        chosen(COLUMNS_OF_CANDIDATE, wanted),
        "candidate c",
        lambda p: f"c.account_id = $1 AND {where(filter, p, rules, settings)}",
        CANDIDATE_ORDERS[field, descending],
        searched=bool(filter and filter.given),
        walk=walk if filter and filter.given and not filter.pointed else None,
    )


def members(
    filter: CandidateFilter | None,
    field: str,
    descending: bool,
    rules: Rules,
    settings: Settings,
    wanted: Wanted = None,
) -> Listing:
    """The members of a segment, less those whose consent has lapsed but whose membership has not ended yet."""
    if filter is None:
        return _all_members(field, descending, wanted)

    def condition(p: Parameters, probing: bool) -> str:
        return where(filter, p, rules, settings, probing=probing)

    return _members(filter, field, descending, condition, wanted)


@lru_cache(MOST_CHOICES)
def _all_members(field: str, descending: bool, wanted: Wanted) -> Listing:
    return _members(None, field, descending, lambda _, __: "true", wanted)


def _members(
    filter: CandidateFilter | None,
    field: str,
    descending: bool,
    condition: Callable[[Parameters, bool], str],
    wanted: Wanted,
) -> Listing:
    by_name = field == "LAST_NAME"
    membership = "m.account_id = $1 AND m.segment_id = parent.id"
    person = "JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id"

    def found(p: Parameters, probing: bool) -> str:
        lapsed = not_lapsed("m.channel", "m.candidate_id")
        return f"{lapsed} AND {condition(p, probing)}"

    if by_name:
        join = "JOIN segment_member m ON m.account_id = $1 AND m.segment_id = parent.id AND m.candidate_id = c.id"
        walk = Walk(
            "candidate", "c", lambda _: "c.account_id = $1", join, lambda p: found(p, True), _most_walked(filter)
        )
    else:
        walk = Walk("segment_member", "m", lambda _: membership, person, lambda p: found(p, True), _most_walked(filter))
    searched = by_name or bool(filter and filter.given)
    return Listing(
        "members",
        f"{chosen(COLUMNS_OF_CANDIDATE, wanted)}, m.added_at",
        f"segment_member m {person}",
        lambda p: f"{membership} AND {found(p, False)}",
        MEMBER_ORDERS[field, descending],
        searched=searched,
        walk=walk if searched and not (filter and filter.pointed) else None,
        fixed=filter is None,
    )


def members_as_of(at: datetime, wanted: Wanted = None) -> Listing:
    """Who was in a segment at a moment, as it is recorded: whoever had been added by then and not removed by then.

    The page is taken from those who still are in it and from those who were, each in the order of an index.
    """
    order = Order(
        f"members as of {at.isoformat()}", (Key("m.added_at", "timestamptz"), Key("m.candidate_id", "uuid")), True
    )

    def source(p: Parameters, window: Window | None) -> str:
        moment = f"{p(at)}::timestamptz"
        among = f" AND {window.condition(order, p)}" if window else ""
        first = f"ORDER BY {window.order_by(order.sorted)} LIMIT {window.limit}" if window else ""
        present = (
            "SELECT m.candidate_id, m.added_at FROM segment_member m WHERE m.account_id = $1"
            f" AND m.segment_id = parent.id AND m.added_at <= {moment}{among} {first}"
        )
        past = (
            "SELECT m.candidate_id, m.added_at FROM past_segment_member m WHERE m.account_id = $1"
            f" AND m.segment_id = parent.id AND m.added_at <= {moment} AND m.removed_at > {moment}{among} {first}"
        )
        person = "JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id" if window else ""
        return f"(({present})\n  UNION ALL ({past})) AS m {person}"

    return Listing(
        "members as of a moment",
        chosen(COLUMNS_OF_CANDIDATE, wanted),
        source,
        lambda _: "true",
        order,
        searched=True,
    )


def _most_walked(filter: CandidateFilter | None) -> int:
    if filter is None or not filter.given:
        return MOST_WALKED
    if filter.unserved:
        return MOST_WALKED_UNSERVED
    return MOST_WALKED_COMBINED if filter.and_ or len(filter.given) > 1 else MOST_WALKED


def segments(filter: SegmentFilter, field: str, descending: bool, rules: Rules, settings: Settings) -> Listing:
    return Listing(
        "segments",
        SEGMENT_COLUMNS,
        "segment s",
        lambda p: f"s.account_id = $1 AND {_segments(filter, p, rules, settings)}",
        SEGMENT_ORDERS[field, descending],
        searched=bool(filter.name_contains or filter.available_for),
    )


ORDER_OF_SEGMENTS_OF_CANDIDATE = replace(SEGMENT_ORDERS["NAME", False], name="segments of a candidate")


def segments_of_candidate(filter: SegmentFilter, rules: Rules, settings: Settings) -> Listing:
    return Listing(
        "segments that a candidate is in",
        SEGMENT_COLUMNS,
        "segment_member m JOIN segment s ON s.account_id = $1 AND s.id = m.segment_id",
        lambda p: (
            "m.account_id = $1 AND m.candidate_id = parent.id"
            f" AND {not_lapsed('m.channel', 'm.candidate_id')} AND {_segments(filter, p, rules, settings)}"
        ),
        ORDER_OF_SEGMENTS_OF_CANDIDATE,
    )


def _segments(filter: SegmentFilter, p: Parameters, rules: Rules, settings: Settings) -> str:
    conditions = []
    if filter.name_contains:
        text = searched_text(filter.name_contains, settings.max_text_length)
        conditions.append(f"position({p(name_key(text))} IN s.name_key) > 0")
    if filter.channel is not None:
        conditions.append(f"s.channel = '{filter.channel}'")
    if filter.archived is not None:
        conditions.append(f"s.archived_at IS {'NOT NULL' if filter.archived else 'NULL'}")
    if filter.available_for is not None:
        conditions.append(_available(p(uuid(filter.available_for)), p, rules))
    return " AND ".join(conditions) or "true"


def _available(candidate_id: str, p: Parameters, rules: Rules) -> str:
    """The candidate is not in the segment and may join it."""
    joins = " OR ".join(
        f"(s.channel = '{channel}' AND {eligible(rules, channel, 'c', p, 'now()')})" for channel in Channel
    )
    return (
        f"EXISTS (SELECT FROM candidate c WHERE c.account_id = $1 AND c.id = {candidate_id}::uuid AND ({joins}))"
        " AND NOT EXISTS (SELECT FROM segment_member m WHERE m.account_id = $1"
        f" AND m.candidate_id = {candidate_id}::uuid AND m.channel = s.channel AND m.segment_id = s.id)"
    )


def vacancies(title_contains: str | None, open: bool | None, settings: Settings) -> Listing:
    def condition(p: Parameters) -> str:
        conditions = ["v.account_id = $1"]
        if title_contains:
            text = searched_text(title_contains, settings.max_text_length)
            conditions.append(f"position(lower({p(text)}) IN lower(v.title)) > 0")
        if open is not None:
            conditions.append(f"(v.closed_at IS NULL OR v.closed_at > now()) = {p(open)}")
        return " AND ".join(conditions)

    order = Order("vacancies", (Key("v.opened_at", "timestamptz"), Key("v.id", "uuid")), descending=True)
    return Listing("vacancies", VACANCY_COLUMNS, "vacancy v", condition, order, searched=bool(title_contains))


def candidate_lists(name_contains: str | None, settings: Settings) -> Listing:
    def condition(p: Parameters) -> str:
        conditions = ["l.account_id = $1"]
        if name_contains:
            text = searched_text(name_contains, settings.max_text_length)
            conditions.append(f"position(lower({p(text)}) IN lower(l.name)) > 0")
        return " AND ".join(conditions)

    order = Order("candidate lists", (Key("lower(l.name)", "text"), Key("l.id", "uuid")))
    return Listing(
        "candidate lists", CANDIDATE_LIST_COLUMNS, "candidate_list l", condition, order, searched=bool(name_contains)
    )


def suppressions(channel: Channel | None, address_contains: str | None, settings: Settings) -> Listing:
    def condition(p: Parameters) -> str:
        conditions = ["s.account_id = $1"]
        if channel is not None:
            conditions.append(f"s.channel = '{channel}'")
        if address_contains:
            text = searched_text(address_contains, settings.max_text_length)
            conditions.append(f"position(lower({p(text)}) IN s.address) > 0")
        return " AND ".join(conditions)

    order = Order("suppressions", (Key("s.channel", "channel"), Key("s.address", "text")))
    columns = "s.channel, s.address, s.reason, s.created_by, s.created_at"
    return Listing("suppressions", columns, "suppression s", condition, order, searched=bool(address_contains))


@cache
def applications(of: str) -> Listing:
    """The applications of each parent: of a `candidate` or for a `vacancy`, newest first."""
    other = "vacancy_id" if of == "candidate" else "candidate_id"
    return Listing(
        f"applications of a {of}",
        "a.candidate_id, a.vacancy_id, a.applied_at",
        "application a",
        lambda _: f"a.account_id = $1 AND a.{of}_id = parent.id",
        Order(
            f"applications of a {of}",
            (Key("a.applied_at", "timestamptz"), Key(f"a.{other}", "uuid")),
            descending=True,
        ),
        fixed=True,
    )


def campaigns(name_contains: str | None, channel: Channel | None, settings: Settings) -> Listing:
    def condition(p: Parameters) -> str:
        conditions = ["g.account_id = $1"]
        if name_contains:
            text = searched_text(name_contains, settings.max_text_length)
            conditions.append(f"position(lower({p(text)}) IN lower(g.name)) > 0")
        if channel is not None:
            conditions.append(f"g.channel = '{channel}'")
        return " AND ".join(conditions)

    return Listing("campaigns", CAMPAIGN_COLUMNS, "campaign g", condition, CAMPAIGN_ORDER, searched=bool(name_contains))


CAMPAIGN_ORDER = Order("campaigns", (Key("g.created_at", "timestamptz"), Key("g.id", "uuid")), descending=True)

CAMPAIGNS_OF_SEGMENT = Listing(
    "campaigns of a segment",
    CAMPAIGN_COLUMNS,
    "campaign_segment cs JOIN campaign g ON g.account_id = $1 AND g.id = cs.campaign_id",
    lambda _: "cs.account_id = $1 AND cs.segment_id = parent.id",
    replace(CAMPAIGN_ORDER, name="campaigns of a segment"),
    fixed=True,
)

CANDIDATES_OF_LIST = Listing(
    "candidates on a list",
    CANDIDATE_COLUMNS,
    "candidate_list_member l JOIN candidate c ON c.account_id = $1 AND c.id = l.candidate_id",
    lambda _: "l.account_id = $1 AND l.list_id = parent.id",
    Order("candidates of a list", (Key("l.candidate_id", "uuid"),)),
    fixed=True,
)

OPERATIONS_OF_SEGMENT = Listing(
    "operations of a segment",
    OPERATION_COLUMNS,
    "membership_operation o",
    lambda _: "o.account_id = $1 AND o.segment_id = parent.id",
    Order("operations", (Key("o.requested_at", "timestamptz"), Key("o.id", "uuid")), descending=True),
    fixed=True,
)

SKIPPED_OF_OPERATION = Listing(
    "candidates left out",
    f"{CANDIDATE_COLUMNS}, skipped.reasons",
    "skipped_candidate k CROSS JOIN LATERAL unnest(k.candidate_ids, k.reasons) AS skipped(candidate_id, reasons)"
    " JOIN candidate c ON c.account_id = $1 AND c.id = skipped.candidate_id",
    lambda _: "k.account_id = $1 AND k.operation_id = parent.id",
    Order("skipped candidates", (Key("k.last_candidate_id", "uuid"), Key("skipped.candidate_id", "uuid"))),
    fixed=True,
)
