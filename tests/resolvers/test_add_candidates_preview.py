"""addCandidatesPreview"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import Channel
from tests.client import Client
from tests.world import GENERAL, SMS, World

PREVIEW = """query Preview($segmentId: ID!, $candidates: CandidateSelection!) {
  addCandidatesPreview(segmentId: $segmentId, candidates: $candidates) {
    matchedCount alreadyMemberCount addableCount newEndpointCount fitsQuota
    ineligible { code count }
    quotaUsage { limit used reserved remaining }
  }
}"""

ADD = """mutation Add($input: AddCandidatesToSegmentInput!) {
  addCandidatesToSegment(input: $input) {
    quotaUsage { used }
    operation {
      matchedCount alreadyMemberCount addedCount overQuotaCount ineligibleCount ineligible { code count }
    }
    userErrors { code ... on QuotaExceededError { needed } }
  }
}"""

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def preview(client: Client, segment_id: UUID, candidates: dict[str, Any]) -> dict[str, Any]:
    data = await client.data(PREVIEW, segmentId=str(segment_id), candidates=candidates)
    found: dict[str, Any] = data["addCandidatesPreview"]
    return found


async def refusal(client: Client, segment_id: object, candidates: dict[str, Any]) -> tuple[str, Any]:
    error = await client.error(PREVIEW, segmentId=str(segment_id), candidates=candidates)
    return error["code"], error["extensions"].get("input")


async def add(client: Client, segment_id: UUID, candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = await client.data(ADD, input={"segmentId": str(segment_id), "candidates": candidates, **more})
    payload: dict[str, Any] = data["addCandidatesToSegment"]
    return payload


async def test_it_counts_what_an_addition_would_meet(client: Client, world: World) -> None:
    await world.contract(4)
    segment_id = await world.segment()
    member, in_use, *newcomers = await world.candidates(4)
    await world.add(segment_id, [member])
    await world.add(await world.segment(), [in_use])
    await world.candidates(2, {})
    await world.candidate({}, email=None)
    assert await preview(client, segment_id, {"allSearchResults": {}}) == {
        "matchedCount": 7,
        "alreadyMemberCount": 1,
        "addableCount": 3,
        "newEndpointCount": len(newcomers),
        "fitsQuota": True,
        "ineligible": [{"code": "CONSENT_MISSING", "count": 3}, {"code": "EMAIL_MISSING", "count": 1}],
        "quotaUsage": {"limit": 4, "used": 2, "reserved": 0, "remaining": 2},
    }


async def test_it_says_when_the_contract_has_no_room_for_all(client: Client, world: World) -> None:
    await world.contract(1)
    found = await preview(client, await world.segment(), {"ids": [str(id) for id in await world.candidates(2)]})
    assert (found["addableCount"], found["newEndpointCount"], found["fitsQuota"]) == (2, 2, False)


async def test_it_changes_nothing(client: Client, world: World) -> None:
    segment_id = await world.segment()
    selection = {"ids": [str(await world.candidate()), str(await world.candidate({}))]}
    assert await preview(client, segment_id, selection) == await preview(client, segment_id, selection)
    for table in ("segment_member", "membership_operation", "skipped_candidate"):
        assert await world.run(f"SELECT FROM {table} WHERE account_id = $1") == []


async def test_an_expected_count_is_no_matter_to_it(client: Client, world: World) -> None:
    await world.candidates(2)
    found = await preview(client, await world.segment(), {"allSearchResults": {"expectedCount": 9}})
    assert found["matchedCount"] == 2


async def test_what_an_addition_would_refuse_comes_as_an_error(
    client: Client, world: World, other_world: World
) -> None:
    segment_id, archived = await world.segment(), await world.segment()
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1 AND id = $2", archived)
    everybody: dict[str, Any] = {"allSearchResults": {}}
    for id in (await other_world.segment(), uuid4(), "no-id"):
        assert await refusal(client, id, everybody) == ("NOT_FOUND", ["segmentId"])
    assert await refusal(client, archived, everybody) == ("SEGMENT_ARCHIVED", ["segmentId"])
    assert await refusal(client, segment_id, {"ids": ["x", str(await world.candidate()), str(uuid4())]}) == (
        "NOT_FOUND",
        [["candidates", "ids", "0"], ["candidates", "ids", "2"]],
    )
    assert await refusal(client, segment_id, {"ids": ["x"] * 1001}) == ("INVALID_INPUT", ["candidates", "ids"])
    too_long = {"allSearchResults": {"filter": {"text": "x" * 201}}}
    assert await refusal(client, segment_id, too_long) == (
        "INVALID_INPUT",
        ["candidates", "allSearchResults", "filter"],
    )
    await world.run("DELETE FROM contract WHERE account_id = $1")
    assert (await refusal(client, segment_id, everybody))[0] == "CONTRACT_INACTIVE"


async def test_a_member_whose_consent_has_just_expired_is_ineligible(client: Client, world: World) -> None:
    segment_id = await world.segment()
    lapsed, other = await world.candidates(2)
    await world.add(segment_id, [lapsed, other])
    await world.lapse(lapsed)
    found = await preview(client, segment_id, {"allSearchResults": {}})
    assert (found["matchedCount"], found["alreadyMemberCount"]) == (2, 1)
    assert found["ineligible"] == [{"code": "CONSENT_EXPIRED", "count": 1}]


async def test_the_room_that_expired_consents_leave_is_room_for_others(client: Client, world: World) -> None:
    await world.contract(2)
    segment_id = await world.segment()
    members = await world.candidates(2)
    await world.add(segment_id, members)
    await world.add(await world.segment(), members[:1])
    await world.lapse(members[0])
    newcomers = [str(each) for each in await world.candidates(2)]
    assert not (await preview(client, segment_id, {"ids": newcomers}))["fitsQuota"]
    assert (await preview(client, segment_id, {"ids": newcomers[:1]}))["fitsQuota"]
    assert (await add(client, segment_id, {"ids": newcomers[:1]}))["operation"]["addedCount"] == 1


CONSENTS: list[dict[str, Any]] = [
    {},
    {},
    {"withdrawn_at": NOW - HOUR},
    {"expires_at": NOW - HOUR},
    {"expires_at": NOW + HOUR},
    {"granted_at": NOW + HOUR},
]


async def populate(world: World, chance: random.Random, count: int) -> list[UUID]:
    """Candidates of every kind: with and without consents and addresses, some of them suppressed."""
    candidates = []
    for _ in range(count):
        consents = {name: chance.choice(CONSENTS) for name in (GENERAL, SMS) if chance.random() < 0.85}
        values: dict[str, Any] = {"city": chance.choice(["Paris", "Rome"])}
        if chance.random() < 0.15:
            values["email"] = chance.choice([None, "blocked@example.com"])
        if chance.random() < 0.2:
            values["verified_mobile"] = chance.choice([None, "+31600000000"])
        candidates.append(await world.candidate(consents, **values))
    return candidates


def some(chance: random.Random, candidates: list[UUID]) -> dict[str, Any]:
    """A selection: ticked ones or a search, with and without exceptions."""
    picked = [str(id) for id in chance.sample(candidates, chance.randint(0, len(candidates)))]
    return chance.choice(
        [
            {"ids": picked},
            {"allSearchResults": {}},
            {"allSearchResults": {"filter": {"city": {"eq": "Paris"}}}},
            {"allSearchResults": {"exceptIds": picked}},
            {"allSearchResults": {"filter": {"eligibleFor": "SMS"}, "exceptIds": picked}},
        ]
    )


@pytest.mark.parametrize("seed", range(6))
async def test_an_addition_does_what_its_preview_said(client: Client, world: World, seed: int) -> None:
    chance = random.Random(seed)
    for channel, address in ((Channel.EMAIL, "blocked@example.com"), (Channel.SMS, "+31600000000")):
        await world.insert("suppression", channel=channel, address=address, reason="asked", created_by="tests")
    candidates = await populate(world, chance, 25)
    segments = [await world.segment(channel=channel) for channel in (*Channel, *Channel)]
    for _ in range(8):
        await world.contract(chance.randint(0, 40))
        segment_id, selection = chance.choice(segments), some(chance, candidates)
        said = await preview(client, segment_id, selection)
        rejected = await add(client, segment_id, selection)
        if said["fitsQuota"]:
            did = rejected["operation"]
            assert did["overQuotaCount"] == 0
        else:
            needed = {"code": "QUOTA_EXCEEDED", "needed": said["newEndpointCount"]}
            assert rejected["userErrors"] == [needed]
            did = (await add(client, segment_id, selection, onQuotaExceeded="FILL"))["operation"]
            assert did["overQuotaCount"] == said["newEndpointCount"] - said["quotaUsage"]["remaining"]
        assert did["matchedCount"] == said["matchedCount"]
        assert did["alreadyMemberCount"] == said["alreadyMemberCount"]
        assert did["addedCount"] + did["overQuotaCount"] == said["addableCount"]
        assert did["ineligible"] == said["ineligible"]
        used = (await client.data("{ quotaUsage { used } }"))["quotaUsage"]["used"]
        new = min(said["newEndpointCount"], said["quotaUsage"]["remaining"])
        assert used == said["quotaUsage"]["used"] + new


async def test_the_number_of_statements_is_the_same_for_any_number_of_candidates(
    client: Client, world: World, statements: list[str]
) -> None:
    await client.data("{ viewer { subject } }")
    segment_id = await world.segment()
    taken = []
    for more in (1, 200):
        await world.candidates(more)
        statements.clear()
        await preview(client, segment_id, {"allSearchResults": {}})
        taken.append(len(statements))
    assert taken[0] == taken[1] < 8, statements
