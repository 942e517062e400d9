"""recordConsents"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import Client
from tests.domain.test_check import check
from tests.resolvers.mutations.changing import FAILURES
from tests.world import GENERAL, SMS, World

RECORD = (
    """mutation($input: RecordConsentsInput!) { done: recordConsents(input: $input) {
  candidates {
    id eligibility(channel: EMAIL) { eligible } consents { policy { id } grantedAt expiresAt active source }
  }
  userErrors { ...Failures }
} }"""
    + FAILURES
)


async def record(client: Client, *given: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = (await client.data(RECORD, input={"consents": list(given)}))["done"]
    return done


def consent(world: World, candidate_id: UUID | str, policy: str = GENERAL, **more: str | None) -> dict[str, Any]:
    return {"candidateId": str(candidate_id), "policyId": str(world.policies[policy]), **more}


def moment(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


async def test_a_candidate_who_accepts_may_join(world: World, client: Client) -> None:
    someone = await world.candidate({})
    given = {"grantedAt": "2026-01-31T09:30:00Z", "expiresAt": "2099-01-01T00:00:00Z", "source": " the form "}
    done = await record(client, consent(world, someone, **given))
    assert done == {
        "candidates": [
            {
                "id": str(someone),
                "consents": [
                    {"policy": {"id": str(world.policies[GENERAL])}, **given, "active": True, "source": "the form"}
                ],
                "eligibility": {"eligible": True},
            }
        ],
        "userErrors": [],
    }


async def test_a_consent_without_a_moment_is_given_now_and_for_ever(world: World, client: Client) -> None:
    someone, before = await world.candidate({}), datetime.now(UTC)
    [candidate] = (await record(client, consent(world, someone)))["candidates"]
    [found] = candidate["consents"]
    assert before <= datetime.fromisoformat(found["grantedAt"]) <= datetime.now(UTC)
    assert found["expiresAt"] is None


async def test_the_good_ones_are_kept_and_the_others_named_by_their_index(
    world: World, other_world: World, client: Client
) -> None:
    one, other = await world.candidates(2, {})
    foreign = await other_world.candidate()
    done = await record(
        client,
        consent(world, one),
        consent(world, foreign),
        consent(world, other, expiresAt=moment(days=1)),
        consent(world, "no-id"),
        {"candidateId": str(one), "policyId": str(other_world.policies[SMS])},
        consent(world, other, SMS, source="x" * 201),
        consent(world, other, SMS, source="a\0b"),
        consent(world, other),
    )
    assert [each["id"] for each in done["candidates"]] == [str(one), str(other)]
    assert [(each["code"], each["path"][2:]) for each in done["userErrors"]] == [
        ("NOT_FOUND", ["1", "candidateId"]),
        ("INVALID_INPUT", ["2", "expiresAt"]),
        ("NOT_FOUND", ["3", "candidateId"]),
        ("NOT_FOUND", ["4", "policyId"]),
        ("INVALID_INPUT", ["5", "source"]),
        ("INVALID_INPUT", ["6", "source"]),
    ]
    assert {tuple(each["path"][:2]) for each in done["userErrors"]} == {("input", "consents")}


async def test_someone_of_another_account_is_as_missing_as_nobody(
    world: World, other_world: World, client: Client
) -> None:
    foreign = await other_world.candidate({})
    answers = [await record(client, consent(world, id)) for id in (foreign, uuid4())]
    assert answers[0] == answers[1]
    assert await other_world.run("SELECT FROM consent WHERE account_id = $1") == []


async def test_a_shorter_consent_ends_what_it_no_longer_holds_up(world: World, client: Client) -> None:
    someone = await world.candidate()
    await world.add(await world.segment())
    done = await record(client, consent(world, someone, grantedAt=moment(hours=2), expiresAt=moment(hours=1)))
    assert done["userErrors"] == []
    assert await world.used() == (0, 0)
    assert not (await check(world)).lines()


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_saying_it_again_is_saying_it_once(world: World, client: Client, times: int) -> None:
    someone = await world.candidate({})
    given = consent(world, someone, grantedAt=moment(days=1))
    answers = [await record(client, given) for _ in range(times)]
    assert answers == [answers[0]] * times
    assert len(await world.run("SELECT FROM consent WHERE account_id = $1")) == 1


async def test_a_moment_infinitely_far_away_is_refused(world: World, client: Client) -> None:
    someone = await world.candidate({})
    done = await record(
        client,
        consent(world, someone, grantedAt="0001-01-01T00:00:00Z"),
        consent(world, someone, grantedAt="1899-12-31T23:59:59Z"),
        consent(world, someone, expiresAt="9999-12-31T23:59:59.999999Z"),
        consent(world, someone, grantedAt="1900-01-01T00:00:00Z", expiresAt="9999-12-31T23:59:59Z"),
    )
    assert [(each["code"], each["path"][2:]) for each in done["userErrors"]] == [
        ("INVALID_INPUT", ["0", "grantedAt"]),
        ("INVALID_INPUT", ["1", "grantedAt"]),
        ("INVALID_INPUT", ["2", "expiresAt"]),
    ]
    assert done["candidates"][0]["consents"][0]["expiresAt"] == "9999-12-31T23:59:59Z"


async def test_a_thousand_at_once_and_no_more(world: World, client: Client) -> None:
    candidates = await world.candidates(1_000, {})
    given = [consent(world, id) for id in candidates]
    query = (
        "mutation($input: RecordConsentsInput!) { done: recordConsents(input: $input) { userErrors { code path } } }"
    )
    assert (await client.data(query, input={"consents": given}))["done"]["userErrors"] == []
    assert len(await world.run("SELECT FROM consent WHERE account_id = $1")) == 1_000
    done = (await client.data(query, input={"consents": [*given, given[0]]}))["done"]
    assert done["userErrors"] == [{"code": "INVALID_INPUT", "path": ["input", "consents"]}]
