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
from tests.world import World

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
