"""Nothing crosses accounts: whatever can be named, the other account's is exactly as missing as what never was.

The cases are written from the schema. What is added to the graph is tried too, or fails here by name.
"""

import json
import re
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from app.settings import Settings
from tests.asking import (
    CURSORS,
    KEYS,
    Place,
    ask_at,
    ask_root,
    field_of,
    fields,
    node_types,
    places,
    required_arguments,
)
from tests.client import Client
from tests.conftest import SECRET
from tests.inventory import Inventory

UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LINKS = re.compile(r"/exports\?token=[\w-]+")
MOMENTS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

PLACES = places()
IDS = [
    place
    for place in PLACES
    if place.name not in CURSORS + KEYS
    # Searches are one: nested ones are tried where they only look, and of those that change the ones that turn a
    # condition round.
    and not (place.of_a_change and {"and", "or"} & set(place.path))
]
CURSOR_PLACES = [place for place in PLACES if place.name in CURSORS]
KEY_PLACES = [place for place in PLACES if place.name in KEYS]

READ_ROOTS = [(kind, name) for kind, name, _ in fields() if kind in ("Query", "Subscription")]


@pytest.fixture
def own(place: Place, ours: Inventory, changing: Inventory) -> Inventory:
    """The account that asks: what mutations leave must not matter to queries."""
    return changing if place.of_a_change else ours


@pytest.fixture
def own_client(place: Place, our_client: Client, changing_client: Client) -> Client:
    return changing_client if place.of_a_change else our_client


async def test_every_place_of_the_graph_can_be_tried() -> None:
    """Objects without an id cannot be reached to try their fields: give them a case of their own before allowing it."""
    reachable = {"Query", "Mutation", "Subscription", *node_types()}
    assert [str(place) for place in PLACES if place.type not in reachable] == []


async def test_both_accounts_have_some_of_everything(ours: Inventory, theirs: Inventory) -> None:
    assert set(node_types()) <= ours.ids.keys() == theirs.ids.keys()


@pytest.mark.parametrize("place", IDS, ids=str)
async def test_an_id_of_the_other_account_is_exactly_as_missing_as_a_random_one(
    place: Place, own: Inventory, theirs: Inventory, own_client: Client
) -> None:
    foreign = [theirs.one(kind) for kind in theirs.ids]
    if place.of_a_change:
        # What can be done to our own account is done now, so that doing it again answers alike.
        await ask_with(own_client, place, own, random_id())
        await ask_with(own_client, place, own, random_id())
    before = await theirs.digest()
    expected = await ask_with(own_client, place, own, random_id())
    for id in foreign:
        assert await ask_with(own_client, place, own, id) == expected
    assert theirs.traces_in(expected) == []
    assert await theirs.digest() == before


@pytest.mark.parametrize("place", [place for place in IDS if not place.of_a_change], ids=str)
async def test_an_id_of_our_own_is_not_missing(
    place: Place, untouched: Inventory, server_address: str, settings: Settings
) -> None:
    """Else the test above would show nothing."""
    async with Client.of(server_address, settings, SECRET, untouched.account_id) as client:
        missing = await ask_with(client, place, untouched, random_id())
        for id in chain.from_iterable(untouched.ids.values()):
            if await ask_with(client, place, untouched, id) != missing:
                return
    pytest.fail("No id changes the answer.")


@pytest.mark.parametrize("place", CURSOR_PLACES, ids=str)
async def test_a_cursor_of_the_other_account_is_refused(
    place: Place, ours: Inventory, theirs: Inventory, our_client: Client, their_client: Client
) -> None:
    theirs_cursor, ours_cursor = await cursor(their_client, place, theirs), await cursor(our_client, place, ours)
    parent = str(ours.one(place.type)) if place.type in ours.ids else None

    async def refusal(value: str) -> dict[str, Any]:
        asked = ask_at(place, ours, value, parent)
        return await our_client.error(asked.query, **asked.variables)

    foreign, random = await refusal(theirs_cursor), await refusal("bm8gY3Vyc29y")
    assert foreign == random
    assert foreign["code"] == "BAD_USER_INPUT"
    asked = ask_at(place, ours, ours_cursor, parent)
    await our_client.data(asked.query, **asked.variables)


@pytest.mark.parametrize("place", KEY_PLACES, ids=str)
async def test_a_key_that_the_other_account_uses_is_free_in_ours(
    place: Place, own: Inventory, theirs: Inventory, own_client: Client
) -> None:
    # External ids of theirs: one to make something of our own under, another to look for in vain.
    taken = f"{theirs.label} {1 if place.name == 'externalId' else 2}"
    if place.name == "idempotencyKey":
        taken = f"{theirs.label} key of {place.field}"
        await theirs.use_key(taken)
    for _ in range(2):
        await ask_with(own_client, place, own, random_id())
    before = await theirs.digest()
    expected = await ask_with(own_client, place, own, random_id())
    assert await ask_with(own_client, place, own, taken) == expected
    assert await theirs.digest() == before


@pytest.mark.parametrize("root", READ_ROOTS)
async def test_what_our_token_reads_has_no_trace_of_the_other_account(
    root: tuple[str, str], ours: Inventory, theirs: Inventory, our_client: Client
) -> None:
    asked = ask_root(*root, ours)
    answer = await our_client.answer(asked.query, **asked.variables)
    assert "errors" not in answer
    assert theirs.traces_in(json.dumps(answer)) == []


async def test_a_name_that_the_other_account_uses_is_free_in_ours(client: Client, theirs: Inventory) -> None:
    before = await theirs.digest()
    name = f"{theirs.label} by mail"
    answers = [
        await client.data(
            "mutation($input: CreateSegmentInput!) { createSegment(input: $input) { userErrors { code } } }",
            input={"name": name, "channel": "EMAIL"},
        )
        for _ in range(2)
    ]
    assert [answer["createSegment"]["userErrors"] for answer in answers] == [[], [{"code": "NAME_TAKEN"}]]
    assert await theirs.digest() == before


async def test_a_token_of_an_unknown_account_is_refused(server_address: str, settings: Settings) -> None:
    async with Client.of(server_address, settings, SECRET, uuid4()) as stranger:
        response = await stranger.http.post("/graphql", json={"query": "{ viewer { subject } }"})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def random_id() -> UUID:
    id: UUID = uuid7()
    return id


async def ask_with(client: Client, place: Place, own: Inventory, value: UUID | str) -> str:
    """The answer as text. What differs between any two requests alike is made the same: the value itself, ids that
    were just made, moments, and links, which end at a moment."""
    asked = ask_at(place, own, str(value), None if place.of_a_root else str(own.one(place.type)))
    answer = await client.text(asked.query, **asked.variables)
    assert answer.startswith('{"'), answer
    assert "INTERNAL_SERVER_ERROR" not in answer
    known = {str(id) for id in chain.from_iterable(own.ids.values())}
    text = LINKS.sub("LINK", answer).replace(str(value), "VALUE")
    return MOMENTS.sub("MOMENT", UUIDS.sub(lambda found: found[0] if found[0] in known else "NEW", text))


async def cursor(client: Client, place: Place, own: Inventory) -> str:
    """A cursor of the connection of this account."""
    field = field_of(place.type, place.field)
    assert "first" in field.args
    demanded = required_arguments(place.type, place.field, field.args, own).strip("()")
    selected = f"{place.field}(first: 1 {demanded}) {{ pageInfo {{ endCursor }} }}"
    query = f"{{ {selected} }}"
    for id in own.ids.get(place.type, [None]):
        if not place.of_a_root:
            query = f'{{ node(id: "{id}") {{ ... on {place.type} {{ {selected} }} }} }}'
        data = await client.data(query)
        page = (data if place.of_a_root else data["node"])[place.field]["pageInfo"]
        if page["endCursor"] is not None:
            end_cursor: str = page["endCursor"]
            return end_cursor
    raise AssertionError(f"{own.label} has nothing in {place.type}.{place.field}")
