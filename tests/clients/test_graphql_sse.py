"""graphql-sse, by server-sent events"""

import pytest

from tests.client import Client
from tests.clients.node import needs_node, run_script
from tests.clients.story import Seen, Story, told_to
from tests.inventory import Inventory

pytestmark = needs_node


@pytest.fixture(scope="session")
async def seen(server_address: str, changing: Inventory, changing_client: Client) -> Seen:
    given = told_to("graphql_sse", server_address, changing_client.http.headers, changing)
    found: Seen = await run_script("graphql_sse.mjs", **given)
    return found


class TestGraphqlSse(Story):
    pass
