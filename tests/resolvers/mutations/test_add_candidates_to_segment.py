"""addCandidatesToSegment"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from app.models import Channel
from tests.client import Client
from tests.resolvers.mutations.changing import NO_SUCH_SEGMENT, absent_segments, change, failure, failures
from tests.world import GENERAL, SMS, World

ADD = """mutation Add($input: AddCandidatesToSegmentInput!) {
  addCandidatesToSegment(input: $input) {
    segment { id memberCount lastModifiedAt }
    quotaUsage { limit used reserved remaining channels { channel used } }
    operation {
      id kind status requestedBy requestedAt finishedAt failure matchedCount processedCount addedCount removedCount
      alreadyMemberCount ineligibleCount overQuotaCount ineligible { code count } segment { id }
      skipped(first: 100) { totalCount edges { reasons overQuota node { id } } }
    }
    userErrors { ...Failures }
  }
}"""

MEMBERS = "query($id: ID!) { segment(id: $id) { members(first: 1000) { nodes { id } } } }"
USAGE = "{ quotaUsage { limit used remaining channels { used } } }"

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


def ticked(*candidate_ids: object) -> dict[str, Any]:
    return {"ids": [str(id) for id in candidate_ids]}


def searched(**filter: Any) -> dict[str, Any]:
    return {"allSearchResults": {"filter": filter}}


def everybody(**more: Any) -> dict[str, Any]:
    return {"allSearchResults": more}


DELETE = "mutation($input: DeleteSegmentInput!) { deleteSegment(input: $input) { deletedSegmentId } }"


async def add(client: Client, segment_id: UUID, candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await change(client, ADD, segmentId=str(segment_id), candidates=candidates, **more)


async def added(client: Client, segment_id: UUID, candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    operation: dict[str, Any] = (await add(client, segment_id, candidates, **more))["operation"]
    return operation


async def refuse(client: Client, segment_id: object, candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await failure(client, ADD, segmentId=str(segment_id), candidates=candidates, **more)


async def members(client: Client, segment_id: UUID) -> set[UUID]:
    segment = (await client.data(MEMBERS, id=str(segment_id)))["segment"]
    return {UUID(node["id"]) for node in segment["members"]["nodes"]}


def counts(operation: dict[str, Any]) -> dict[str, int]:
    """The counts of an addition that are not zero."""
    names = ("matched", "added", "alreadyMember", "ineligible", "overQuota")
    found = {name: operation[f"{name}Count"] for name in names}
    assert found["matched"] == sum(found.values()) - found["matched"] == operation["processedCount"]
    assert operation["removedCount"] == 0
    return {name: count for name, count in found.items() if count}


def skipped(operation: dict[str, Any]) -> dict[UUID, list[str] | str]:
    """Who was left out: their reasons, or that there was no room."""
    edges = operation["skipped"]["edges"]
    assert operation["skipped"]["totalCount"] == len(edges)
    assert all(edge["overQuota"] == (not edge["reasons"]) for edge in edges)
    return {UUID(edge["node"]["id"]): edge["reasons"] or "no room" for edge in edges}


# Whom


async def test_ticked_candidates_become_members(client: Client, world: World) -> None:
    candidates = await world.candidates(3)
    segment_id = await world.segment()
    before = datetime.now(UTC)
    payload = await add(client, segment_id, ticked(*candidates[:2]))
    operation = payload["operation"]
    assert counts(operation) == {"matched": 2, "added": 2}
    assert (operation["kind"], operation["status"], operation["failure"]) == ("ADD", "COMPLETED", None)
    assert (operation["requestedBy"], operation["segment"]) == ("tester", {"id": str(segment_id)})
    assert before <= datetime.fromisoformat(operation["requestedAt"]) <= datetime.now(UTC)
    assert operation["finishedAt"] == operation["requestedAt"] == payload["segment"]["lastModifiedAt"]
    assert (operation["ineligible"], skipped(operation)) == ([], {})
    assert (payload["segment"]["id"], payload["segment"]["memberCount"]) == (str(segment_id), 2)
    assert payload["quotaUsage"]["used"] == 2
    assert await members(client, segment_id) == set(candidates[:2])


async def test_a_candidate_named_twice_counts_once(client: Client, world: World) -> None:
    candidate = await world.candidate()
    operation = await added(client, await world.segment(), ticked(candidate, str(candidate).upper(), candidate))
    assert counts(operation) == {"matched": 1, "added": 1}


async def test_those_who_are_members_already_are_counted_and_left_alone(client: Client, world: World) -> None:
    candidates = await world.candidates(5)
    segment_id = await world.segment()
    await world.add(segment_id, candidates[:2])
    operation = await added(client, segment_id, ticked(*candidates))
    assert counts(operation) == {"matched": 5, "added": 3, "alreadyMember": 2}
    assert skipped(operation) == {}
    assert await members(client, segment_id) == set(candidates)


async def test_nobody_ticked_is_nobody_added(client: Client, world: World) -> None:
    await world.candidates(2)
    operation = await added(client, await world.segment(), ticked())
    assert counts(operation) == {}
    assert operation["status"] == "COMPLETED"


async def test_a_thousand_ids_are_taken_and_one_more_is_refused(client: Client, world: World) -> None:
    candidates = await world.candidates(1001)
    segment_id = await world.segment()
    assert await refuse(client, segment_id, ticked(*candidates)) == {
        "__typename": "InvalidInputError",
        "code": "INVALID_INPUT",
        "message": "At most 1000 ids at once, not 1001.",
        "path": ["input", "candidates", "ids"],
    }
    assert await members(client, segment_id) == set()
    assert counts(await added(client, segment_id, ticked(*candidates[1:]))) == {"matched": 1000, "added": 1000}


async def test_ids_of_nobody_are_all_named_at_once_and_nobody_is_added(
    client: Client, world: World, other_world: World
) -> None:
    good, foreign = await world.candidate(), await other_world.candidate()
    segment_id = await world.segment()
    ids = ticked(good, "no-id", foreign, uuid4(), good, "", segment_id)
    found = await failures(client, ADD, segmentId=str(segment_id), candidates=ids)
    assert found == [
        {
            "__typename": "NotFoundError",
            "code": "NOT_FOUND",
            "message": "There is no candidate with this id.",
            "path": ["input", "candidates", "ids", str(index)],
        }
        for index in (1, 2, 3, 5, 6)
    ]
    assert await members(client, segment_id) == set()


async def test_all_search_results_are_added(client: Client, world: World) -> None:
    in_paris = await world.candidates(3, city="Paris")
    await world.candidates(2, city="Rome")
    segment_id = await world.segment()
    operation = await added(client, segment_id, searched(city={"eq": "paris"}))
    assert counts(operation) == {"matched": 3, "added": 3}
    assert await members(client, segment_id) == set(in_paris)


async def test_a_search_without_conditions_finds_everybody_of_the_account(
    client: Client, world: World, other_world: World
) -> None:
    candidates = await world.candidates(3)
    await other_world.candidates(2)
    segment_id = await world.segment()
    assert counts(await added(client, segment_id, everybody())) == {"matched": 3, "added": 3}
    assert await members(client, segment_id) == set(candidates)


async def test_some_of_the_search_results_may_be_left_out(client: Client, world: World) -> None:
    in_paris = await world.candidates(3, city="Paris")
    elsewhere = await world.candidate(city="Rome")
    left_out = [str(id) for id in (in_paris[0], in_paris[0], elsewhere)]
    selection = {"allSearchResults": {"filter": {"city": {"eq": "Paris"}}, "exceptIds": left_out}}
    segment_id = await world.segment()
    assert counts(await added(client, segment_id, selection)) == {"matched": 2, "added": 2}
    assert await members(client, segment_id) == set(in_paris[1:])


async def test_ids_to_leave_out_must_be_candidates_too(client: Client, world: World, other_world: World) -> None:
    good, foreign = await world.candidate(), await other_world.candidate()
    segment_id = await world.segment()
    selection = everybody(exceptIds=["x", str(good), str(foreign)])
    found = await failures(client, ADD, segmentId=str(segment_id), candidates=selection)
    assert [(each["code"], each["path"]) for each in found] == [
        ("NOT_FOUND", ["input", "candidates", "allSearchResults", "exceptIds", index]) for index in ("0", "2")
    ]
    too_many = await refuse(client, segment_id, everybody(exceptIds=[str(good)] * 1001))
    assert too_many["code"] == "INVALID_INPUT"
    assert too_many["path"] == ["input", "candidates", "allSearchResults", "exceptIds"]
    assert await members(client, segment_id) == set()


async def test_the_expected_count_holds_when_the_search_finds_as_many(client: Client, world: World) -> None:
    candidates = await world.candidates(3)
    await world.candidate(email=None)
    selection = everybody(exceptIds=[str(candidates[0])], expectedCount=3)
    operation = await added(client, await world.segment(), selection)
    assert counts(operation) == {"matched": 3, "added": 2, "ineligible": 1}


@pytest.mark.parametrize("expected", [0, 2, 4, -1])
async def test_another_count_than_expected_is_refused(client: Client, world: World, expected: int) -> None:
    await world.candidates(3)
    segment_id = await world.segment()
    assert await refuse(client, segment_id, everybody(expectedCount=expected)) == {
        "__typename": "SearchResultsChangedError",
        "code": "SEARCH_RESULTS_CHANGED",
        "message": f"The search now finds 3 candidates instead of {expected}.",
        "path": ["input", "candidates", "allSearchResults", "expectedCount"],
        "expectedCount": expected,
        "actualCount": 3,
    }
    assert await members(client, segment_id) == set()


@pytest.mark.parametrize(
    "filter",
    [
        {"not": {"not": {"not": {"not": {"not": {"city": {"eq": "Paris"}}}}}}},
        {"or": [{"hasVerifiedMobile": True}] * 101},
        {"text": "x" * 201},
        {"city": {"eq": "a\x00b"}},
        {"name": {"in": ["x"] * 1001}},
    ],
)
async def test_a_filter_out_of_bounds_is_refused(client: Client, world: World, filter: dict[str, Any]) -> None:
    refused = await refuse(client, await world.segment(), searched(**filter))
    assert (refused["__typename"], refused["code"]) == ("InvalidInputError", "INVALID_INPUT")
    assert refused["path"] == ["input", "candidates", "allSearchResults", "filter"]


@pytest.mark.parametrize("selection", [{}, {"ids": [], "allSearchResults": {}}, {"ids": None}])
async def test_a_selection_is_either_ids_or_a_search(client: Client, world: World, selection: dict[str, Any]) -> None:
    input = {"segmentId": str(await world.segment()), "candidates": selection}
    error = await client.error(ADD.replace("...Failures", "code"), input=input)
    assert error["code"] == "BAD_USER_INPUT"


# Where to


async def test_a_segment_that_is_not_there_is_not_found_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    candidate = await world.candidate()
    for segment_id in await absent_segments(world, other_world):
        assert await refuse(client, segment_id, ticked(candidate)) == NO_SUCH_SEGMENT


async def test_an_archived_segment_takes_nobody(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1")
    assert await refuse(client, segment_id, ticked(await world.candidate())) == {
        "__typename": "ConflictError",
        "code": "SEGMENT_ARCHIVED",
        "message": "The segment is archived. Restore it to change its members.",
        "path": ["input", "segmentId"],
    }
    assert await members(client, segment_id) == set()


# Who may join


EMAIL_REASONS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({GENERAL: {}}, {}, []),
    ({GENERAL: {}}, {"verified_mobile": None}, []),
    ({GENERAL: {"expires_at": IN_AN_HOUR}}, {}, []),
    ({}, {}, ["CONSENT_MISSING"]),
    ({SMS: {}}, {}, ["CONSENT_MISSING"]),
    ({GENERAL: {"granted_at": IN_AN_HOUR}}, {}, ["CONSENT_MISSING"]),
    ({GENERAL: {"withdrawn_at": HOUR_AGO}}, {}, ["CONSENT_WITHDRAWN"]),
    ({GENERAL: {"withdrawn_at": HOUR_AGO, "expires_at": HOUR_AGO}}, {}, ["CONSENT_WITHDRAWN"]),
    ({GENERAL: {"expires_at": HOUR_AGO}}, {}, ["CONSENT_EXPIRED"]),
    ({GENERAL: {}}, {"email": None}, ["EMAIL_MISSING"]),
    ({}, {"email": None}, ["CONSENT_MISSING", "EMAIL_MISSING"]),
    ({GENERAL: {}}, {"email": "Blocked@Example.com"}, ["SUPPRESSED"]),
    ({GENERAL: {"withdrawn_at": HOUR_AGO}}, {"email": "blocked@example.com"}, ["CONSENT_WITHDRAWN", "SUPPRESSED"]),
]

SMS_REASONS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({GENERAL: {}, SMS: {}}, {}, []),
    ({GENERAL: {}, SMS: {}}, {"email": None}, []),
    ({GENERAL: {}}, {}, ["CONSENT_MISSING"]),
    ({SMS: {}}, {}, ["CONSENT_MISSING"]),
    ({}, {}, ["CONSENT_MISSING"]),
    ({GENERAL: {}, SMS: {}}, {"verified_mobile": None}, ["MOBILE_NOT_VERIFIED"]),
    ({GENERAL: {}, SMS: {}}, {"verified_mobile": None, "mobile": "+31612345678"}, ["MOBILE_NOT_VERIFIED"]),
    ({GENERAL: {}, SMS: {}}, {"verified_mobile": "+31600000000"}, ["SUPPRESSED"]),
    (
        {GENERAL: {"withdrawn_at": HOUR_AGO}, SMS: {"expires_at": HOUR_AGO}},
        {},
        ["CONSENT_WITHDRAWN", "CONSENT_EXPIRED"],
    ),
    (
        {SMS: {"withdrawn_at": HOUR_AGO}},
        {"verified_mobile": None},
        ["CONSENT_MISSING", "CONSENT_WITHDRAWN", "MOBILE_NOT_VERIFIED"],
    ),
]


@pytest.mark.parametrize(
    ("channel", "consents", "values", "reasons"),
    [
        *[(Channel.EMAIL, *each) for each in EMAIL_REASONS],
        *[(Channel.SMS, *each) for each in SMS_REASONS],
    ],
)
async def test_only_those_who_may_be_contacted_join(
    client: Client,
    world: World,
    channel: Channel,
    consents: dict[str, Any],
    values: dict[str, Any],
    reasons: list[str],
) -> None:
    for suppressed, address in ((Channel.EMAIL, "blocked@example.com"), (Channel.SMS, "+31600000000")):
        await world.insert("suppression", channel=suppressed, address=address, reason="asked", created_by="tests")
    candidate = await world.candidate(consents, **values)
    segment_id = await world.segment(channel=channel)
    operation = await added(client, segment_id, ticked(candidate))
    if reasons:
        assert counts(operation) == {"matched": 1, "ineligible": 1}
        assert operation["ineligible"] == [{"code": code, "count": 1} for code in reasons]
        assert skipped(operation) == {candidate: reasons}
        assert await members(client, segment_id) == set()
    else:
        assert counts(operation) == {"matched": 1, "added": 1}
        assert await members(client, segment_id) == {candidate}


async def test_a_candidate_with_several_reasons_counts_once_and_under_each(client: Client, world: World) -> None:
    fine = await world.candidates(2)
    missing = await world.candidates(2, {})
    both = await world.candidate({}, email=None)
    nowhere = await world.candidate(email=None)
    segment_id = await world.segment()
    operation = await added(client, segment_id, everybody())
    assert counts(operation) == {"matched": 6, "added": 2, "ineligible": 4}
    assert operation["ineligible"] == [{"code": "CONSENT_MISSING", "count": 3}, {"code": "EMAIL_MISSING", "count": 2}]
    assert skipped(operation) == {
        missing[0]: ["CONSENT_MISSING"],
        missing[1]: ["CONSENT_MISSING"],
        both: ["CONSENT_MISSING", "EMAIL_MISSING"],
        nowhere: ["EMAIL_MISSING"],
    }
    assert await members(client, segment_id) == set(fine)


async def test_a_policy_that_is_missing_twice_is_one_reason(client: Client, world: World) -> None:
    candidate = await world.candidate({})
    operation = await added(client, await world.segment(channel=Channel.SMS), ticked(candidate))
    assert operation["ineligible"] == [{"code": "CONSENT_MISSING", "count": 1}]
    assert skipped(operation) == {candidate: ["CONSENT_MISSING"]}


async def test_a_member_whose_consent_has_expired_leaves_before_anybody_is_added(client: Client, world: World) -> None:
    await world.contract(1)
    lapsed, waiting = await world.candidates(2)
    segment_id = await world.segment()
    await world.add(segment_id, [lapsed])
    await world.lapse(lapsed)
    payload = await add(client, segment_id, ticked(lapsed, waiting))
    operation = payload["operation"]
    assert counts(operation) == {"matched": 2, "added": 1, "ineligible": 1}
    assert skipped(operation) == {lapsed: ["CONSENT_EXPIRED"]}
    assert (payload["segment"]["memberCount"], payload["quotaUsage"]["used"]) == (1, 1)
    assert await members(client, segment_id) == {waiting}
    history = await client.data(
        "query($id: ID!) { segment(id: $id) { operations { nodes { kind requestedBy removedCount } } } }",
        id=str(segment_id),
    )
    assert history["segment"]["operations"]["nodes"][:2] == [
        {"kind": "ADD", "requestedBy": "tester", "removedCount": 0},
        {"kind": "ELIGIBILITY_LOST", "requestedBy": "segments", "removedCount": 1},
    ]


# What the contract allows


async def test_reject_adds_nobody_when_not_all_fit(client: Client, world: World) -> None:
    await world.contract(5)
    await world.add(await world.segment(), await world.candidates(3))
    segment_id = await world.segment()
    three = await world.candidates(3)
    for policy in ({}, {"onQuotaExceeded": "REJECT"}):
        assert await refuse(client, segment_id, ticked(*three), **policy) == {
            "__typename": "QuotaExceededError",
            "code": "QUOTA_EXCEEDED",
            "message": "The contract still allows 2 endpoints and this needs 3.",
            "path": ["input", "candidates"],
            "limit": 5,
            "used": 3,
            "reserved": 0,
            "remaining": 2,
            "needed": 3,
        }
    assert await members(client, segment_id) == set()
    assert (await client.data(USAGE))["quotaUsage"]["used"] == 3


async def test_what_fits_exactly_is_added(client: Client, world: World) -> None:
    await world.contract(3)
    payload = await add(client, await world.segment(), ticked(*await world.candidates(3)))
    assert counts(payload["operation"]) == {"matched": 3, "added": 3}
    assert (payload["quotaUsage"]["used"], payload["quotaUsage"]["remaining"]) == (3, 0)


async def test_those_who_may_not_join_need_no_endpoint(client: Client, world: World) -> None:
    await world.contract(1)
    await world.candidates(3, {})
    await world.candidate()
    operation = await added(client, await world.segment(), everybody())
    assert counts(operation) == {"matched": 4, "added": 1, "ineligible": 3}


async def test_fill_adds_the_oldest_until_the_contract_is_full(client: Client, world: World) -> None:
    await world.contract(2)
    now = datetime.now(UTC)
    young, old, middle = [await world.candidate(created_at=now - timedelta(days=days)) for days in (1, 3, 2)]
    ineligible = await world.candidate({}, created_at=now - timedelta(days=9))
    segment_id = await world.segment()
    payload = await add(client, segment_id, everybody(), onQuotaExceeded="FILL")
    assert counts(payload["operation"]) == {"matched": 4, "added": 2, "ineligible": 1, "overQuota": 1}
    assert skipped(payload["operation"]) == {young: "no room", ineligible: ["CONSENT_MISSING"]}
    assert payload["quotaUsage"]["remaining"] == 0
    assert await members(client, segment_id) == {old, middle}


async def test_fill_takes_first_those_whose_endpoint_is_in_use_already(client: Client, world: World) -> None:
    await world.contract(3)
    older = await world.candidates(2)
    in_use = await world.candidates(2)
    await world.add(await world.segment(), in_use)
    segment_id = await world.segment()
    payload = await add(client, segment_id, everybody(), onQuotaExceeded="FILL")
    assert counts(payload["operation"]) == {"matched": 4, "added": 3, "overQuota": 1}
    assert skipped(payload["operation"]) == {older[1]: "no room"}
    assert await members(client, segment_id) == {older[0], *in_use}
    assert payload["quotaUsage"]["used"] == 3


async def test_fill_without_room_adds_those_alone_whose_endpoint_is_in_use(client: Client, world: World) -> None:
    await world.contract(1)
    first, second = await world.candidates(2)
    await world.add(await world.segment(), [second])
    segment_id = await world.segment()
    payload = await add(client, segment_id, everybody(), onQuotaExceeded="FILL")
    assert counts(payload["operation"]) == {"matched": 2, "added": 1, "overQuota": 1}
    assert skipped(payload["operation"]) == {first: "no room"}
    assert await members(client, segment_id) == {second}


async def test_fill_of_nothing_is_a_finished_operation_too(client: Client, world: World) -> None:
    await world.contract(0)
    candidates = await world.candidates(2)
    segment_id = await world.segment()
    operation = await added(client, segment_id, ticked(*candidates), onQuotaExceeded="FILL")
    assert operation["status"] == "COMPLETED"
    assert counts(operation) == {"matched": 2, "overQuota": 2}
    assert skipped(operation) == dict.fromkeys(candidates, "no room")


async def test_an_endpoint_in_use_by_the_other_channel_does_not_help(client: Client, world: World) -> None:
    await world.contract(1)
    candidate = await world.candidate()
    await world.add(await world.segment(channel=Channel.SMS), [candidate])
    refused = await refuse(client, await world.segment(), ticked(candidate))
    assert (refused["code"], refused["needed"], refused["remaining"]) == ("QUOTA_EXCEEDED", 1, 0)


async def test_endpoints_set_aside_are_not_left(client: Client, world: World) -> None:
    await world.contract(5)
    await world.run("UPDATE endpoint_usage SET reserved = 3 WHERE account_id = $1")
    candidates = await world.candidates(3)
    refused = await refuse(client, await world.segment(), ticked(*candidates))
    assert {name: refused[name] for name in ("limit", "used", "reserved", "remaining", "needed")} == {
        "limit": 5,
        "used": 0,
        "reserved": 3,
        "remaining": 2,
        "needed": 3,
    }
    payload = await add(client, await world.segment(), ticked(*candidates[:2]))
    assert payload["quotaUsage"]["remaining"] == 0


async def test_under_a_lowered_contract_nothing_new_is_added(client: Client, world: World) -> None:
    first = await world.segment()
    members_before = await world.candidates(3)
    await world.add(first, members_before)
    await world.contract(1)
    newcomer = await world.candidate()
    refused = await refuse(client, first, ticked(newcomer))
    assert {name: refused[name] for name in ("limit", "used", "remaining", "needed")} == {
        "limit": 1,
        "used": 3,
        "remaining": 0,
        "needed": 1,
    }
    filled = await added(client, first, ticked(newcomer), onQuotaExceeded="FILL")
    assert counts(filled) == {"matched": 1, "overQuota": 1}
    payload = await add(client, await world.segment(), ticked(*members_before))
    assert counts(payload["operation"]) == {"matched": 3, "added": 3}
    assert (payload["quotaUsage"]["used"], payload["quotaUsage"]["remaining"]) == (3, 0)


def today() -> date:
    return datetime.now(UTC).date()


DAY = timedelta(days=1)


@pytest.mark.parametrize("dates", [None, (-2, -1), (1, 2)], ids=["none", "past", "future"])
async def test_without_a_contract_in_force_nobody_is_added(
    client: Client, world: World, dates: tuple[int, int] | None
) -> None:
    if dates is None:
        await world.run("DELETE FROM contract WHERE account_id = $1")
    else:
        await world.contract(10, today() + dates[0] * DAY, today() + dates[1] * DAY)
    segment_id = await world.segment()
    assert await refuse(client, segment_id, ticked(await world.candidate())) == {
        "__typename": "ConflictError",
        "code": "CONTRACT_INACTIVE",
        "message": "No contract of the account is in force today.",
        "path": [],
    }
    assert await members(client, segment_id) == set()


async def test_a_contract_is_in_force_on_its_first_and_last_day(client: Client, world: World) -> None:
    await world.contract(10, today(), today())
    assert counts(await added(client, await world.segment(), ticked(await world.candidate())))["added"] == 1


async def test_of_two_contracts_in_force_the_one_that_started_last_counts(client: Client, world: World) -> None:
    await world.contract(1, today() - 3 * DAY, today() + 9 * DAY)
    for name, limit, starts_on, ends_on in (
        ("started last", 2, today() - DAY, today()),
        ("started before", 3, today() - 2 * DAY, today() + 99 * DAY),
        ("not yet", 4, today() + DAY, today() + 2 * DAY),
    ):
        await world.insert(
            "contract", id=uuid7(), name=name, endpoint_limit=limit, starts_on=starts_on, ends_on=ends_on
        )
    refused = await refuse(client, await world.segment(), ticked(*await world.candidates(5)))
    assert refused["limit"] == 2


# Endpoints


async def test_a_candidate_in_two_segments_of_a_channel_is_one_endpoint(client: Client, world: World) -> None:
    candidate = await world.candidate()
    for _ in range(2):
        payload = await add(client, await world.segment(), ticked(candidate))
        assert payload["quotaUsage"]["channels"] == [{"channel": "EMAIL", "used": 1}, {"channel": "SMS", "used": 0}]


async def test_a_candidate_in_segments_of_both_channels_is_two_endpoints(client: Client, world: World) -> None:
    candidate = await world.candidate()
    await add(client, await world.segment(), ticked(candidate))
    payload = await add(client, await world.segment(channel=Channel.SMS), ticked(candidate))
    assert payload["quotaUsage"]["used"] == 2
    assert payload["quotaUsage"]["channels"] == [{"channel": "EMAIL", "used": 1}, {"channel": "SMS", "used": 1}]


async def test_members_of_an_archived_segment_use_their_endpoints(client: Client, world: World) -> None:
    candidate = await world.candidate()
    await add(client, await world.segment(), ticked(candidate))
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1")
    payload = await add(client, await world.segment(), ticked(candidate))
    assert payload["quotaUsage"]["used"] == 1


# Keys


async def test_the_same_key_and_input_give_the_first_operation_again(client: Client, world: World) -> None:
    candidates = await world.candidates(2)
    segment_id = await world.segment()
    first = await add(client, segment_id, everybody(), idempotencyKey="a key")
    newcomer = await world.candidate()
    again = await add(client, segment_id, everybody(), onQuotaExceeded="REJECT", idempotencyKey="a key")
    assert again == first
    assert await members(client, segment_id) == set(candidates)
    operations = await world.run("SELECT FROM membership_operation WHERE account_id = $1")
    assert len(operations) == 1
    await add(client, segment_id, everybody(), idempotencyKey="another key")
    assert newcomer in await members(client, segment_id)


async def test_the_same_key_does_not_bring_back_who_was_removed_since(client: Client, world: World) -> None:
    candidate = await world.candidate()
    segment_id = await world.segment()
    first = await added(client, segment_id, ticked(candidate), idempotencyKey="a key")
    await client.data(
        """mutation($input: RemoveCandidatesFromSegmentInput!) {
          removeCandidatesFromSegment(input: $input) { operation { id } }
        }""",
        input={"segmentId": str(segment_id), "candidates": ticked(candidate)},
    )
    payload = await add(client, segment_id, ticked(candidate), idempotencyKey="a key")
    assert payload["operation"]["id"] == first["id"]
    assert (payload["segment"]["memberCount"], payload["quotaUsage"]["used"]) == (0, 0)


async def test_the_same_key_with_another_input_is_refused(client: Client, world: World) -> None:
    first, second = await world.candidates(2)
    segment_id, other_id = await world.segment(), await world.segment()
    await add(client, segment_id, ticked(first), idempotencyKey="a key")
    for input in (
        {"segmentId": str(other_id), "candidates": ticked(first)},
        {"segmentId": str(segment_id), "candidates": ticked(first, second)},
        {"segmentId": str(segment_id), "candidates": everybody()},
        {"segmentId": str(segment_id), "candidates": ticked(first), "onQuotaExceeded": "FILL"},
    ):
        assert await failure(client, ADD, **input, idempotencyKey="a key") == {
            "__typename": "ConflictError",
            "code": "IDEMPOTENCY_KEY_REUSED",
            "message": "This idempotency key was used with another input before.",
            "path": ["input", "idempotencyKey"],
        }
    assert await members(client, segment_id) == {first}


async def test_the_key_of_another_mutation_is_refused(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await client.data(
        """mutation($input: RemoveCandidatesFromSegmentInput!) {
          removeCandidatesFromSegment(input: $input) { operation { id } }
        }""",
        input={"segmentId": str(segment_id), "candidates": ticked(), "idempotencyKey": "a key"},
    )
    refused = await refuse(client, segment_id, ticked(), idempotencyKey="a key")
    assert refused["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_full_contract_comes_back_under_the_same_key_after_it_was_raised(client: Client, world: World) -> None:
    await world.contract(1)
    candidates = await world.candidates(2)
    segment_id = await world.segment()
    first = await refuse(client, segment_id, ticked(*candidates), idempotencyKey="a key")
    await world.contract(10)
    assert await refuse(client, segment_id, ticked(*candidates), idempotencyKey="a key") == first
    assert await members(client, segment_id) == set()
    assert counts(await added(client, segment_id, ticked(*candidates), idempotencyKey="new"))["added"] == 2


async def test_every_failure_comes_back_under_its_key(client: Client, world: World) -> None:
    await world.candidates(2)
    archived, segment_id = await world.segment(), await world.segment()
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1 AND id = $2", archived)
    kinds = set()
    for index, input in enumerate(
        (
            {"segmentId": str(uuid4()), "candidates": everybody()},
            {"segmentId": str(archived), "candidates": everybody()},
            {"segmentId": str(segment_id), "candidates": ticked("x", "y", uuid4())},
            {"segmentId": str(segment_id), "candidates": everybody(expectedCount=1)},
            {"segmentId": str(segment_id), "candidates": searched(text="x" * 201)},
        )
    ):
        first = await failures(client, ADD, **input, idempotencyKey=str(index))
        assert await failures(client, ADD, **input, idempotencyKey=str(index)) == first
        kinds |= {each["code"] for each in first}
    assert kinds == {"NOT_FOUND", "SEGMENT_ARCHIVED", "SEARCH_RESULTS_CHANGED", "INVALID_INPUT"}


async def test_a_failure_undoes_all_of_its_work_and_keeps_its_key(client: Client, world: World) -> None:
    lapsed = await world.candidate()
    segment_id = await world.segment()
    await world.add(segment_id, [lapsed])
    await world.lapse(lapsed)
    await refuse(client, segment_id, everybody(expectedCount=9), idempotencyKey="a key")
    assert len(await world.run("SELECT FROM segment_member WHERE account_id = $1")) == 1
    assert len(await world.run("SELECT FROM idempotency_key WHERE account_id = $1")) == 1


@pytest.mark.parametrize("key", ["", "k" * 201, "a\x7fb", "a\0b"])
async def test_a_key_out_of_bounds_is_refused(client: Client, world: World, key: str) -> None:
    refused = await refuse(client, await world.segment(), everybody(), idempotencyKey=key)
    assert (refused["code"], refused["path"]) == ("INVALID_INPUT", ["input", "idempotencyKey"])


# What it costs and changes


async def test_a_segment_is_modified_only_when_somebody_was_added(client: Client, world: World) -> None:
    candidate, ineligible = await world.candidate(), await world.candidate({})
    segment_id = await world.segment()
    moments = []
    for who in (candidate, candidate, ineligible):
        payload = await add(client, segment_id, ticked(who))
        moments.append(payload["segment"]["lastModifiedAt"])
    created_at = await world.run("SELECT created_at FROM segment WHERE account_id = $1")
    assert datetime.fromisoformat(moments[0]) > created_at[0]["created_at"]
    assert moments[1] == moments[2] == moments[0]


@pytest.mark.parametrize("limit", [1_000_000, 1], ids=["room for all", "room for one"])
async def test_the_number_of_statements_is_the_same_for_any_number_of_candidates(
    client: Client, world: World, statements: list[str], limit: int
) -> None:
    await world.contract(limit)
    await client.data(USAGE)
    taken = []
    for size in (2, 30, 400):
        fine, missing = await world.candidates(size, city=f"{size}"), await world.candidates(size, {}, city=f"{size}")
        for selection in (ticked(*fine, *missing), searched(city={"eq": f"{size}"})):
            segment_id = await world.segment()
            statements.clear()
            operation = await added(client, segment_id, selection, onQuotaExceeded="FILL")
            taken.append(len(statements))
            assert counts(operation)["matched"] == 2 * size
            await client.data(DELETE, input={"segmentId": str(segment_id)})
    ticking, searching = taken[0::2], taken[1::2]
    assert len(set(ticking)) == len(set(searching)) == 1, taken
    assert max(taken) < 25


async def test_it_needs_the_permission_to_edit_segments(reader: Client, world: World) -> None:
    segment_id = await world.segment()
    input = {"segmentId": str(segment_id), "candidates": ticked(await world.candidate())}
    error = await reader.error(ADD.replace("...Failures", "code"), input=input)
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert await members(reader, segment_id) == set()
