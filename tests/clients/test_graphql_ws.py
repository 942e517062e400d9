"""graphql-ws, over a WebSocket"""

import pytest

from tests.client import Client
from tests.clients.node import needs_node, run_script
from tests.clients.story import Seen, Story, told_to
from tests.inventory import Inventory

pytestmark = needs_node


@pytest.fixture(scope="session")
async def seen(server_address: str, changing: Inventory, changing_client: Client) -> Seen:
    given = told_to("graphql_ws", server_address, changing_client.http.headers, changing)
    found: Seen = await run_script("graphql_ws.mjs", **given)
    return found


class TestGraphqlWs(Story):
    def test_it_sees_that_its_token_is_bad(self, seen: Seen) -> None:
        assert seen["strange"] == {"closed": 4403}
