"""Relay"""

import pytest

from tests.client import Client
from tests.clients.node import needs_node, run_script
from tests.clients.story import Seen, Story, told_to
from tests.inventory import Inventory

pytestmark = needs_node


@pytest.fixture(scope="session")
async def seen(server_address: str, changing: Inventory, changing_client: Client) -> Seen:
    given = told_to("relay", server_address, changing_client.http.headers, changing)
    found: Seen = await run_script("relay.mjs", **given)
    return found


class TestRelay(Story):
    def test_a_document_is_found_by_its_id(self, seen: Seen) -> None:
        assert seen["foundById"] == seen["found"]

    def test_it_sees_the_code_of_an_id_that_is_unknown(self, seen: Seen) -> None:
        assert [error["code"] for error in seen["unknownId"]["errors"]] == ["PERSISTED_QUERY_NOT_FOUND"]
