"""Urql"""

import pytest

from tests.client import Client
from tests.clients.node import needs_node, run_script
from tests.clients.story import Seen, Story, told_to
from tests.inventory import Inventory

pytestmark = needs_node


@pytest.fixture(scope="session")
async def seen(server_address: str, changing: Inventory, changing_client: Client) -> Seen:
    given = told_to("urql", server_address, changing_client.http.headers, changing)
    found: Seen = await run_script("urql.mjs", **given)
    return found


class TestUrql(Story):
    def test_a_document_is_sent_once_and_named_from_then_on(self, seen: Seen) -> None:
        name, text = {"method": "POST", "text": False, "named": True}, {"method": "POST", "text": True, "named": True}
        assert seen["persistedByPost"] == {"found": ["tester", "tester"], "sent": [name, text, name]}

    def test_a_document_is_named_by_get(self, seen: Seen) -> None:
        assert seen["persistedByGet"]["found"] == ["tester", "tester"]
        assert [each["text"] for each in seen["persistedByGet"]["sent"]] == [False, True, False]
        assert seen["persistedByGet"]["sent"][-1]["method"] == "GET"

    def test_only_subscriptions_are_answered_as_events(self, seen: Seen) -> None:
        json = ["application/graphql-response+json"]
        assert seen["answeredIn"] == {"query": json, "mutation": json, "subscription": ["text/event-stream"]}
