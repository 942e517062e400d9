"""candidate, candidates and everything a candidate has."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import Channel
from tests.client import Client
from tests.world import GENERAL, SMS, World

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=123456)


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def ask(client: Client, candidate_id: UUID, fields: str) -> dict[str, Any]:
    """Fields of one candidate."""
    data = await client.data(f"query($id: ID!) {{ candidate(id: $id) {{ {fields} }} }}", id=str(candidate_id))
    candidate: dict[str, Any] = data["candidate"]
    return candidate


async def listed(client: Client, arguments: str) -> list[UUID]:
    data = await client.data(f"{{ candidates({arguments}) {{ nodes {{ id }} }} }}")
    return [UUID(node["id"]) for node in data["candidates"]["nodes"]]


OWN_FIELDS = (
    "id externalId firstName lastName fullName email mobile verifiedMobile city country headline skills createdAt"
    " updatedAt"
)


async def test_a_candidate_has_the_fields_it_was_given(client: Client, world: World) -> None:
    candidate_id = await world.candidate(
        external_id="ats-7",
        first_name="Zoë",
        last_name="van den Berg",
        email="Zoe@Example.com",
        mobile="06 12345678",
        verified_mobile="+31612345678",
        city="Sint-Niklaas",
        country="BE",
        headline="Nurse & teacher",
        skills=["Dutch", "First aid"],
        created_at=NOW - HOUR,
        updated_at=NOW,
    )
    assert await ask(client, candidate_id, OWN_FIELDS) == {
        "id": str(candidate_id),
        "externalId": "ats-7",
        "firstName": "Zoë",
        "lastName": "van den Berg",
        "fullName": "Zoë van den Berg",
        "email": "Zoe@Example.com",
        "mobile": "06 12345678",
        "verifiedMobile": "+31612345678",
        "city": "Sint-Niklaas",
        "country": "BE",
        "headline": "Nurse & teacher",
        "skills": ["Dutch", "First aid"],
        "createdAt": written(NOW - HOUR),
        "updatedAt": written(NOW),
    }


async def test_what_is_not_known_of_a_candidate_is_null(client: Client, world: World) -> None:
    candidate_id = await world.candidate({}, first_name="", last_name="Prince", email=None, verified_mobile=None)
    candidate = await ask(client, candidate_id, f"{OWN_FIELDS} consents {{ active }} candidateLists {{ name }}")
    unknown = ("externalId", "email", "mobile", "verifiedMobile", "city", "country", "headline")
    assert {candidate[name] for name in unknown} == {None}
    assert (candidate["firstName"], candidate["fullName"]) == ("", "Prince")
    assert (candidate["skills"], candidate["consents"], candidate["candidateLists"]) == ([], [], [])


async def test_a_candidate_that_is_not_there_is_null_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    foreign, segment = await other_world.candidate(), await world.segment()
    for id in (foreign, uuid4(), segment, "no-id", ""):
        data = await client.data(
            "query($id: ID!) { candidate(id: $id) { id } node(id: $id) { ... on Candidate { id } } }", id=str(id)
        )
        assert data["candidate"] is None
        assert not data["node"]


async def test_those_created_last_come_first(client: Client, world: World) -> None:
    candidates = await world.candidates(4)
    assert await listed(client, "first: 3") == candidates[:0:-1]
    assert await listed(client, "orderBy: { field: CREATED_AT }") == candidates


async def test_candidates_created_at_once_are_sorted_by_id(client: Client, world: World) -> None:
    candidates = await world.candidates(4, created_at=NOW)
    assert await listed(client, "orderBy: { field: CREATED_AT }") == sorted(candidates)
    assert await listed(client, "first: 4") == sorted(candidates, reverse=True)


async def test_they_are_sorted_by_last_name_then_first_name_whatever_the_case(client: Client, world: World) -> None:
    names = [("Bo", "Zed"), ("ann", "adams"), ("Bob", "Adams"), ("Éa", "Émile"), ("Cy", "Adams")]
    by_name = {f"{first} {last}": await world.candidate(first_name=first, last_name=last) for first, last in names}
    expected = [by_name[name] for name in ("ann adams", "Bob Adams", "Cy Adams", "Bo Zed", "Éa Émile")]
    assert await listed(client, "orderBy: { field: LAST_NAME }") == expected
    assert await listed(client, "orderBy: { field: LAST_NAME, direction: DESC }") == expected[::-1]


async def test_a_list_counts_all_and_pages_both_ways(client: Client, world: World) -> None:
    candidates = [str(id) for id in await world.candidates(5)]
    page = """query($first: Int, $after: String, $last: Int, $before: String) {
      candidates(orderBy: { field: CREATED_AT }, first: $first, after: $after, last: $last, before: $before) {
        totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node { id } }
        nodes { id }
      }
    }"""
    first = (await client.data(page, first=2))["candidates"]
    assert first["totalCount"] == 5
    assert [edge["node"] for edge in first["edges"]] == first["nodes"] == [{"id": id} for id in candidates[:2]]
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": first["edges"][0]["cursor"],
        "endCursor": first["edges"][1]["cursor"],
    }
    rest = (await client.data(page, first=9, after=first["pageInfo"]["endCursor"]))["candidates"]
    assert [node["id"] for node in rest["nodes"]] == candidates[2:]
    assert (rest["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasPreviousPage"]) == (False, True)
    last = (await client.data(page, last=2, before=rest["pageInfo"]["endCursor"]))["candidates"]
    assert [node["id"] for node in last["nodes"]] == candidates[2:4]
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (True, True)
    nobody = await client.data(
        page, first=9, after=last["pageInfo"]["endCursor"], before=last["pageInfo"]["startCursor"]
    )
    assert nobody["candidates"]["nodes"] == []
    assert nobody["candidates"]["pageInfo"]["startCursor"] is None


CONSENT = "consents { policy { id name requiredFor } grantedAt expiresAt withdrawnAt active source }"


@pytest.mark.parametrize(
    ("moments", "active"),
    [
        ({"granted_at": NOW - HOUR}, True),
        ({"granted_at": NOW - HOUR, "expires_at": NOW + HOUR}, True),
        ({"granted_at": NOW - 2 * HOUR, "expires_at": NOW - HOUR}, False),
        ({"granted_at": NOW - 2 * HOUR, "withdrawn_at": NOW - HOUR}, False),
        ({"granted_at": NOW + HOUR}, False),
    ],
    ids=["granted", "expires later", "expired", "withdrawn", "granted later"],
)
async def test_a_consent_is_active_from_its_grant_until_it_is_withdrawn_or_expires(
    client: Client, world: World, moments: dict[str, datetime], active: bool
) -> None:
    candidate_id = await world.candidate({GENERAL: {**moments, "source": "career site"}})
    assert (await ask(client, candidate_id, CONSENT))["consents"] == [
        {
            "policy": {"id": str(world.policies[GENERAL]), "name": GENERAL, "requiredFor": ["EMAIL", "SMS"]},
            "grantedAt": written(moments["granted_at"]),
            "expiresAt": written(moments["expires_at"]) if "expires_at" in moments else None,
            "withdrawnAt": written(moments["withdrawn_at"]) if "withdrawn_at" in moments else None,
            "active": active,
            "source": "career site",
        }
    ]


async def test_consents_come_newest_first(client: Client, world: World) -> None:
    candidate_id = await world.candidate({GENERAL: {"granted_at": NOW - HOUR}, SMS: {"granted_at": NOW}})
    consents = (await ask(client, candidate_id, "consents { policy { name } }"))["consents"]
    assert [consent["policy"]["name"] for consent in consents] == [SMS, GENERAL]


ELIGIBILITY = """
  email: eligibility(channel: EMAIL) { channel eligible reasons { code message policy { name } } }
  sms: eligibility(channel: SMS) { channel eligible reasons { code message policy { name } } }
"""


async def test_who_may_be_contacted_has_no_reason_against_it(client: Client, world: World) -> None:
    assert await ask(client, await world.candidate(), ELIGIBILITY) == {
        "email": {"channel": "EMAIL", "eligible": True, "reasons": []},
        "sms": {"channel": "SMS", "eligible": True, "reasons": []},
    }


MISSING = ("CONSENT_MISSING", "Has not accepted this privacy policy.")
WITHDRAWN = ("CONSENT_WITHDRAWN", "Has withdrawn the consent to this privacy policy.")
EXPIRED = ("CONSENT_EXPIRED", "The consent to this privacy policy has expired.")
NO_EMAIL = ("EMAIL_MISSING", "Has no e-mail address.", None)
NO_MOBILE = ("MOBILE_NOT_VERIFIED", "Has no verified mobile number.", None)
SUPPRESSED = ("SUPPRESSED", "The address must not be contacted.", None)


@pytest.mark.parametrize(
    ("consents", "values", "by_email", "by_sms"),
    [
        ({}, {}, {(*MISSING, GENERAL)}, {(*MISSING, GENERAL), (*MISSING, SMS)}),
        ({GENERAL: {}}, {}, set(), {(*MISSING, SMS)}),
        ({GENERAL: {"granted_at": NOW + HOUR}, SMS: {}}, {}, {(*MISSING, GENERAL)}, {(*MISSING, GENERAL)}),
        (
            {GENERAL: {"withdrawn_at": NOW - HOUR}, SMS: {"expires_at": NOW - HOUR}},
            {},
            {(*WITHDRAWN, GENERAL)},
            {(*WITHDRAWN, GENERAL), (*EXPIRED, SMS)},
        ),
        ({GENERAL: {}, SMS: {}}, {"email": None, "verified_mobile": None}, {NO_EMAIL}, {NO_MOBILE}),
        ({GENERAL: {}, SMS: {}}, {"email": "Blocked@example.com"}, {SUPPRESSED}, set()),
        ({GENERAL: {}, SMS: {}}, {"verified_mobile": "+31600000000"}, set(), {SUPPRESSED}),
        (
            {},
            {"email": "blocked@example.com", "verified_mobile": None},
            {(*MISSING, GENERAL), SUPPRESSED},
            {(*MISSING, GENERAL), (*MISSING, SMS), NO_MOBILE},
        ),
    ],
)
async def test_every_reason_against_contacting_a_candidate_is_told_with_its_policy(
    client: Client,
    world: World,
    consents: dict[str, Any],
    values: dict[str, Any],
    by_email: set[tuple[str, ...]],
    by_sms: set[tuple[str, ...]],
) -> None:
    for channel, address in (("EMAIL", "blocked@example.com"), ("SMS", "+31600000000")):
        await world.insert("suppression", channel=channel, address=address, reason="asked", created_by="tests")
    told = await ask(client, await world.candidate(consents, **values), ELIGIBILITY)
    for channel, expected in (("email", by_email), ("sms", by_sms)):
        reasons = [
            (reason["code"], reason["message"], reason["policy"] and reason["policy"]["name"])
            for reason in told[channel]["reasons"]
        ]
        assert set(reasons) == expected
        assert len(reasons) == len(expected)
        assert told[channel]["eligible"] == (not expected)


async def test_a_channel_that_demands_no_policy_asks_for_an_address_alone(client: Client, world: World) -> None:
    await world.run("DELETE FROM policy_requirement WHERE account_id = $1")
    told = await ask(client, await world.candidate({}, email=None), ELIGIBILITY)
    assert [reason["code"] for reason in told["email"]["reasons"]] == ["EMAIL_MISSING"]
    assert told["sms"] == {"channel": "SMS", "eligible": True, "reasons": []}


async def test_a_suppression_of_another_account_means_nothing_here(
    client: Client, world: World, other_world: World
) -> None:
    await other_world.insert(
        "suppression", channel="EMAIL", address="me@example.com", reason="asked", created_by="tests"
    )
    candidate_id = await world.candidate(email="me@example.com")
    assert (await ask(client, candidate_id, "eligibility(channel: EMAIL) { eligible }"))["eligibility"]["eligible"]


async def test_endpoints_are_the_channels_of_the_segments_a_candidate_is_in(client: Client, world: World) -> None:
    candidate_id = await world.candidate(email="Me@Example.com", verified_mobile="+31612345678")
    endpoints = "endpoints { channel address }"
    assert (await ask(client, candidate_id, endpoints))["endpoints"] == []
    for _ in range(2):
        await world.add(await world.segment(), [candidate_id])
    by_email = {"channel": "EMAIL", "address": "Me@Example.com"}
    assert (await ask(client, candidate_id, endpoints))["endpoints"] == [by_email]
    await world.add(await world.segment(channel=Channel.SMS), [candidate_id])
    by_sms = {"channel": "SMS", "address": "+31612345678"}
    assert (await ask(client, candidate_id, endpoints))["endpoints"] == [by_email, by_sms]


async def test_segments_of_a_candidate_come_by_name_and_can_be_filtered(client: Client, world: World) -> None:
    candidate_id = await world.candidate()
    for name, channel in (("beta", Channel.EMAIL), ("Alpha", Channel.SMS), ("gamma", Channel.EMAIL)):
        await world.add(await world.segment(name, channel), [candidate_id])
    await world.segment("not in it")
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1 AND name = 'gamma'")
    asked = """
      inUse: segments { totalCount nodes { name } }
      both: segments(filter: { archived: null }) { nodes { name } }
      archived: segments(filter: { archived: true }) { nodes { name } }
      sms: segments(filter: { channel: SMS }) { nodes { name } }
      named: segments(filter: { nameContains: "ETA" }) { nodes { name } }
      second: segments(last: 1) { pageInfo { hasPreviousPage } nodes { name } }
    """
    told = await ask(client, candidate_id, asked)
    assert {key: [node["name"] for node in page["nodes"]] for key, page in told.items()} == {
        "inUse": ["Alpha", "beta"],
        "both": ["Alpha", "beta", "gamma"],
        "archived": ["gamma"],
        "sms": ["Alpha"],
        "named": ["beta"],
        "second": ["beta"],
    }
    assert told["inUse"]["totalCount"] == 2
    assert told["second"]["pageInfo"]["hasPreviousPage"] is True


async def test_a_consent_that_has_just_expired_takes_the_candidate_out_of_sight_at_once(
    client: Client, world: World
) -> None:
    candidate_id = await world.candidate()
    await world.add(await world.segment(), [candidate_id])
    await world.add(await world.segment(channel=Channel.SMS), [candidate_id])
    await world.lapse(candidate_id, policy=SMS)
    told = await ask(client, candidate_id, "endpoints { channel } segments { totalCount nodes { channel } }")
    assert told == {
        "endpoints": [{"channel": "EMAIL"}],
        "segments": {"totalCount": 1, "nodes": [{"channel": "EMAIL"}]},
    }


async def test_applications_come_newest_first(client: Client, world: World) -> None:
    candidate_id = await world.candidate()
    for title, ago in (("Nurse", 2 * HOUR), ("Teacher", HOUR)):
        vacancy_id = await world.vacancy(title)
        await world.insert("application", candidate_id=candidate_id, vacancy_id=vacancy_id, applied_at=NOW - ago)
    asked = "applications { totalCount edges { appliedAt vacancy { title } node { id } } }"
    assert (await ask(client, candidate_id, asked))["applications"] == {
        "totalCount": 2,
        "edges": [
            {"appliedAt": written(NOW - ago), "vacancy": {"title": title}, "node": {"id": str(candidate_id)}}
            for title, ago in (("Teacher", HOUR), ("Nurse", 2 * HOUR))
        ],
    }


async def test_candidate_lists_come_by_name(client: Client, world: World) -> None:
    candidate_id, other_id = await world.candidates(2)
    for name in ("zebras", "Ants", "bees"):
        await world.candidate_list(name, [candidate_id])
    await world.candidate_list("others", [other_id])
    told = await ask(client, candidate_id, "candidateLists { name }")
    assert [each["name"] for each in told["candidateLists"]] == ["Ants", "bees", "zebras"]


NESTED = {
    "consents": "consents { active policy { name requiredFor } }",
    "eligibility": "eligibility(channel: SMS) { eligible reasons { code policy { name } } }",
    "endpoints": "endpoints { channel address }",
    "segments": "segments { totalCount nodes { name } }",
    "applications": "applications { totalCount edges { appliedAt vacancy { title } node { fullName } } }",
    "candidateLists": "candidateLists { name candidates { totalCount nodes { fullName } } }",
    "hasMember": "segments { nodes { members(first: 3) { nodes { consents { active } } } } }",
}


@pytest.mark.parametrize("field", NESTED.values(), ids=NESTED)
async def test_a_nested_field_takes_as_many_statements_for_one_candidate_as_for_many(
    client: Client, world: World, statements: list[str], field: str
) -> None:
    await client.data("{ viewer { subject } }")
    segments = [await world.segment(channel=channel) for channel in Channel]
    vacancies = [await world.vacancy() for _ in range(2)]

    async def populate(candidates: list[UUID]) -> None:
        for segment_id in segments:
            await world.add(segment_id, candidates)
        for candidate_id in candidates:
            await world.candidate_list(f"list {candidate_id}", [candidate_id])
            for vacancy_id in vacancies:
                await world.insert("application", candidate_id=candidate_id, vacancy_id=vacancy_id)

    taken = []
    for more in (1, 6):
        await populate(await world.candidates(more))
        await world.candidates(more, {})
        statements.clear()
        await client.data(f"{{ candidates(first: 100) {{ nodes {{ {field} }} }} }}")
        taken.append(len(statements))
    assert taken[0] == taken[1], statements
