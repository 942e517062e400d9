"""Anything by its id. Each type that has ids is tried, or fails here by name."""

from uuid import uuid4

import pytest

from app.graph import schema
from tests.asking import node_types, selection
from tests.client import Client
from tests.inventory import Inventory

QUERY = "query($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"

kinds = pytest.mark.parametrize("kind", node_types())


@kinds
async def test_everything_is_found_by_its_id_as_what_it_is(kind: str, ours: Inventory, our_client: Client) -> None:
    for id in ours.ids[kind]:
        assert (await our_client.data(QUERY, id=str(id)))["node"] == {"__typename": kind, "id": str(id)}


@kinds
async def test_an_id_in_capitals_is_the_same_id(kind: str, ours: Inventory, our_client: Client) -> None:
    id = str(ours.one(kind))
    assert (await our_client.data(QUERY, id=id.upper()))["node"] == {"__typename": kind, "id": id}


@kinds
async def test_all_of_it_can_be_read(kind: str, ours: Inventory, our_client: Client) -> None:
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {selection(schema.type_map[kind], ours)} }} }}"
    assert (await our_client.data(query, id=str(ours.one(kind))))["node"]["id"] == str(ours.one(kind))


ROOTS = {"Segment": "segment", "Candidate": "candidate", "MembershipOperation": "operation"}


@pytest.mark.parametrize(("kind", "root"), ROOTS.items())
async def test_a_root_finds_its_own_kind_and_nothing_else(
    kind: str, root: str, ours: Inventory, our_client: Client
) -> None:
    query = f"query($id: ID!) {{ {root}(id: $id) {{ id }} }}"
    for other, ids in ours.ids.items():
        found = (await our_client.data(query, id=str(ids[0])))[root]
        assert found == ({"id": str(ids[0])} if other == kind else None)


def test_every_root_that_finds_by_id_is_tried_above() -> None:
    assert schema.query_type is not None
    roots = {name for name, field in schema.query_type.fields.items() if field.args.keys() == {"id"}}
    assert roots == {"node", *ROOTS.values()}


async def test_nodes_come_in_the_order_of_the_ids(ours: Inventory, our_client: Client) -> None:
    wanted = [(kind, str(id)) for kind in node_types() for id in ours.ids[kind]]
    missing = [str(uuid4()), "no-id", ""]
    ids = [*missing, *(id for _, id in reversed(wanted)), *missing, wanted[0][1], wanted[0][1]]
    nodes = (await our_client.data(NODES, ids=ids))["nodes"]
    expected = {id: {"__typename": kind, "id": id} for kind, id in wanted}
    assert nodes == [expected.get(id) for id in ids]


async def test_a_thousand_ids_take_one_statement_a_kind_and_one_more(
    ours: Inventory, our_client: Client, statements: list[str]
) -> None:
    ids = [str(ours.one(kind)) for kind in node_types()]
    await our_client.data(NODES, ids=ids)
    statements.clear()
    nodes = (await our_client.data(NODES, ids=[*ids, *(str(uuid4()) for _ in range(1_000 - len(ids)))]))["nodes"]
    assert len([node for node in nodes if node]) == len(ids)
    assert len(statements) <= len(ids) + 1


async def test_there_may_be_no_ids_and_at_most_a_thousand(our_client: Client) -> None:
    assert (await our_client.data(NODES, ids=[]))["nodes"] == []
    error = await our_client.error(NODES, ids=["x"] * 1_001)
    assert error["code"] == "BAD_USER_INPUT"
    assert "1000" in error["message"]


@pytest.mark.parametrize(
    "id",
    [
        "",
        "0",
        "x" * 36,
        "00000000-0000-0000-0000-000000000000",
        "{01a208ba-47ea-7134-9a55-f33670a33196}",
        "urn:uuid:01a208ba-47ea-7134-9a55-f33670a33196",
        "01a208ba47ea71349a55f33670a33196",
        "٠1a208ba-47ea-7134-9a55-f33670a33196",
        "01a208ba-47ea-7134-9a55-f33670a33196\0",
        " 01a208ba-47ea-7134-9a55-f33670a33196",
    ],
)
async def test_what_is_no_id_finds_nothing(id: str, our_client: Client) -> None:
    for root in ("node", *ROOTS.values()):
        data = await our_client.data(f"query($id: ID!) {{ {root}(id: $id) {{ id }} }}", id=id)
        assert data == {root: None}
