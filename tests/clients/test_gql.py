"""gql, the client for Python, over HTTP."""

from typing import Any

import pytest
from gql import Client as GqlClient
from gql import GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError

from tests.client import Client
from tests.clients.story import STRANGER, Seen, Story, told_to
from tests.inventory import Inventory


@pytest.fixture(scope="module")
async def seen(server_address: str, changing: Inventory, changing_client: Client) -> Seen:
    given = told_to("gql", server_address, changing_client.http.headers, changing)
    documents, variables = given["documents"], given["variables"]

    def session(authorization: str) -> GqlClient:
        transport = AIOHTTPTransport(given["url"], headers={"authorization": authorization})
        return GqlClient(transport=transport, serialize_variables=False)

    async with session(given["authorization"]) as known, session(STRANGER) as stranger:
        return {
            "found": await asked(known, documents["find"], variables["find"]),
            "created": await asked(known, documents["create"], variables["create"]),
            "refused": await asked(known, documents["create"], variables["create"]),
            "partial": await asked(known, documents["askTooMuch"], variables["askTooMuch"]),
            "misspelt": await asked(known, documents["misspell"], {}),
            "strange": await asked(stranger, documents["find"], variables["find"]),
        }


async def asked(session: AsyncClientSession, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"data": await session.execute(GraphQLRequest(document, variable_values=variables)), "errors": []}
    except TransportQueryError as error:
        shown = [{"code": each["extensions"]["code"], "path": each.get("path")} for each in error.errors or ()]
        return {"data": error.data, "errors": shown}


class TestGql(Story):
    pass
