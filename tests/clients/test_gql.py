"""gql, the client for Python: queries and mutations over HTTP, subscriptions over a WebSocket."""

from typing import Any

import pytest
from gql import Client as GqlClient
from gql import GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

from tests.client import Client
from tests.clients.story import DOCUMENTS, STRANGER, Seen, Story, told_to
from tests.inventory import Inventory


@pytest.fixture(scope="session")
async def seen(server_address: str, changing: Inventory, changing_client: Client) -> Seen:
    given = told_to("gql", server_address, changing_client.http.headers, changing)
    variables = given["variables"]

    def session(authorization: str) -> GqlClient:
        return GqlClient(transport=AIOHTTPTransport(given["url"], headers={"authorization": authorization}))

    socket = GqlClient(
        transport=WebsocketsTransport(
            given["url"].replace("http", "ws"), init_payload={"authorization": given["authorization"]}
        )
    )
    async with session(given["authorization"]) as known, session(STRANGER) as stranger, socket as following:
        created = await asked(known, DOCUMENTS["create"], variables["create"])
        segment_id = created["data"]["createSegment"]["segment"]["id"]
        change = {"input": {"segmentId": segment_id, "candidates": {"ids": [given["candidate"]]}}}
        return {
            "found": await asked(known, DOCUMENTS["find"], variables["find"]),
            "created": created,
            "refused": await asked(known, DOCUMENTS["create"], variables["create"]),
            "partial": await asked(known, DOCUMENTS["askTooMuch"], variables["askTooMuch"]),
            "misspelt": await asked(known, DOCUMENTS["misspell"], {}),
            "strange": await asked(stranger, DOCUMENTS["find"], variables["find"]),
            "watched": {"used": await watched(following, known, change)},
            "lost": await lost(following, variables["lookInVain"]),
        }


async def asked(session: AsyncClientSession, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"data": await session.execute(GraphQLRequest(document, variable_values=variables)), "errors": []}
    except TransportQueryError as error:
        return shown(error)


async def watched(following: AsyncClientSession, known: AsyncClientSession, change: dict[str, Any]) -> list[int]:
    """What is used of the quota: at first, when a candidate has joined the segment, and when they have left it."""
    changes = [DOCUMENTS["add"], DOCUMENTS["remove"]]
    used = []
    async for event in following.subscribe(GraphQLRequest(DOCUMENTS["watch"])):
        used.append(event["quotaUsage"]["used"])
        if not changes:
            break
        await asked(known, changes.pop(0), change)
    return used


async def lost(following: AsyncClientSession, variables: dict[str, Any]) -> dict[str, Any]:
    try:
        async for event in following.subscribe(GraphQLRequest(DOCUMENTS["lookInVain"], variable_values=variables)):
            return {"data": event, "errors": []}
    except TransportQueryError as error:
        return shown(error)
    return {"data": None, "errors": []}


def shown(error: TransportQueryError) -> dict[str, Any]:
    errors = [{"code": each["extensions"]["code"], "path": each.get("path")} for each in error.errors or ()]
    return {"data": error.data, "errors": errors}


class TestGql(Story):
    pass
