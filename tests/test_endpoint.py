"""One address for programs and browsers: what a GET of it means."""

from datetime import timedelta
from hashlib import sha256

import orjson
import pytest

from app.auth import Permission, mint
from app.settings import Settings
from tests.client import Client
from tests.conftest import SECRET
from tests.engine.wire import wire_to
from tests.world import GENERAL, SMS, World

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
TEXT = "{ __typename }"


async def test_a_browser_gets_the_page(client: Client) -> None:
    response = await client.http.get("/graphql", headers=BROWSER)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "parameters",
    [
        {"query": TEXT},
        {"documentId": f"sha256:{sha256(TEXT.encode()).hexdigest()}"},
        {"doc_id": f"sha256:{sha256(TEXT.encode()).hexdigest()}"},
        {"extensions": f'{{"persistedQuery":{{"version":1,"sha256Hash":"{sha256(TEXT.encode()).hexdigest()}"}}}}'},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
async def test_a_browser_that_names_a_document_asks_the_api(parameters: dict[str, str], client: Client) -> None:
    assert await client.data(TEXT) == {"__typename": "Query"}
    response = await client.http.get("/graphql", params=parameters, headers=BROWSER)
    assert response.json() == {"data": {"__typename": "Query"}}


VIEWER = "{ viewer { subject account { id } } }"
MAKE = 'mutation { createSegment(input: { name: "%s", channel: EMAIL }) { segment { id } userErrors { code } } }'


async def test_each_token_on_one_connection_sees_its_own_account_and_may_do_its_own(
    server_address: str, settings: Settings, world: World, other_world: World
) -> None:
    def request(of: World, *permissions: Permission, query: str = VIEWER) -> bytes:
        token = mint(SECRET, settings, of.account_id, "somebody", permissions, timedelta(hours=1))
        content = orjson.dumps({"query": query}).ljust(200)
        lines = f"Authorization: Bearer {token}", "Content-Type: application/json", f"Content-Length: {len(content)}"
        return "\r\n".join(["POST /graphql HTTP/1.1", "Host: x", *lines, "", ""]).encode() + content

    reading, editing = (Permission.READ,), (Permission.READ, Permission.EDIT_SEGMENTS)
    async with wire_to(server_address) as client:
        for number in range(4):
            for of in (world, other_world):
                found = await client.asked(request(of, *reading))
                assert found["data"]["viewer"]["account"]["id"] == str(of.account_id)
            refused = await client.asked(request(world, *reading, query=MAKE % number))
            assert [error["extensions"]["code"] for error in refused["errors"]] == ["FORBIDDEN"]
            made = await client.asked(request(world, *editing, query=MAKE % number))
            assert made["data"]["createSegment"]["userErrors"] == []
            again = await client.asked(request(world, *editing, query=MAKE % number))
            assert [each["code"] for each in again["data"]["createSegment"]["userErrors"]] == ["NAME_TAKEN"]


SEARCH = """query ($filter: CandidateFilter, $first: Int!) {
  candidates(filter: $filter, first: $first) { nodes { id firstName } }
  viewer { account { id } permissions }
}"""


async def test_whoever_asks_in_the_same_words_sees_their_own(
    server_address: str, settings: Settings, world: World, other_world: World
) -> None:
    for of in (world, other_world):
        await of.candidate(first_name="Ada", country="NL")
    everything = Permission.READ, Permission.REPORT
    for filter in (None, {"country": {"eq": "nl"}}, {"country": {"eq": "NL"}, "eligibleFor": "EMAIL"}):
        asked = {"filter": filter, "first": 5}
        for _ in range(4):
            for of in (world, other_world):
                async with Client.of(server_address, settings, SECRET, of.account_id, everything) as client:
                    found = await client.data(SEARCH, **asked)
                assert found["viewer"]["account"]["id"] == str(of.account_id)
                theirs = await of.database.fetch("SELECT id FROM candidate WHERE account_id = $1", of.account_id)
                assert {each["id"] for each in found["candidates"]["nodes"]} <= {str(row[0]) for row in theirs}
                assert found["candidates"]["nodes"] or "eligibleFor" in (filter or {})
            async with Client.of(server_address, settings, SECRET, world.account_id, ()) as client:
                assert (await client.error(SEARCH, **asked))["extensions"]["code"] == "FORBIDDEN"


async def test_what_a_channel_demands_is_looked_up_however_often_the_same_is_asked(
    client: Client, world: World
) -> None:
    await world.candidates(1)
    await world.candidates(2, {GENERAL: {}})
    asked = {"filter": {"eligibleFor": "EMAIL"}, "first": 5}
    for policies, found in (((GENERAL,), 3), ((GENERAL, SMS), 1), ((GENERAL,), 3)):
        ids = [str(world.policies[name]) for name in policies]
        await client.data(DEMAND, input={"channel": "EMAIL", "policyIds": ids})
        for _ in range(3):
            assert len((await client.data(SEARCH, **asked))["candidates"]["nodes"]) == found


DEMAND = "mutation($input: SetRequiredPoliciesInput!) { setRequiredPolicies(input: $input) { userErrors { code } } }"
