"""candidateLists"""

import pytest

from tests.client import Client
from tests.world import World


async def names(client: Client, arguments: str = "first: 100") -> list[str]:
    data = await client.data(f"{{ candidateLists({arguments}) {{ nodes {{ name }} }} }}")
    return [node["name"] for node in data["candidateLists"]["nodes"]]


async def test_a_list_has_the_candidates_that_were_put_on_it(client: Client, world: World) -> None:
    candidates = await world.candidates(3)
    id = await world.candidate_list("Spring fair", [candidates[2], candidates[0]], external_id="ats-1")
    data = await client.data(
        "{ candidateLists { totalCount nodes { id externalId name candidates { totalCount nodes { id } } } } }"
    )
    assert data["candidateLists"] == {
        "totalCount": 1,
        "nodes": [
            {
                "id": str(id),
                "externalId": "ats-1",
                "name": "Spring fair",
                "candidates": {"totalCount": 2, "nodes": [{"id": str(candidates[0])}, {"id": str(candidates[2])}]},
            }
        ],
    }
    node = await client.data("query($id: ID!) { node(id: $id) { ... on CandidateList { name } } }", id=str(id))
    assert node["node"] == {"name": "Spring fair"}


async def test_lists_come_by_name_whatever_its_case(client: Client, world: World) -> None:
    for name in ("bees", "Ants", "Cows", "ants"):
        await world.candidate_list(name)
    assert await names(client) == ["Ants", "ants", "bees", "Cows"]
    assert await names(client, "first: 1") == ["Ants"]
    assert await names(client, "last: 1") == ["Cows"]


async def test_a_filter_finds_a_part_of_the_name_whatever_its_case(client: Client, world: World) -> None:
    for name in ("Spring fair", "Autumn FAIR", "100 %"):
        await world.candidate_list(name)
    assert await names(client, 'filter: { nameContains: "fAiR" }') == ["Autumn FAIR", "Spring fair"]
    assert await names(client, 'filter: { nameContains: "%" }') == ["100 %"]
    assert await names(client, 'filter: { nameContains: "" }') == ["100 %", "Autumn FAIR", "Spring fair"]


@pytest.mark.parametrize("text", [r"a\u0000b", "x" * 201])
async def test_a_text_that_is_none_is_refused(client: Client, world: World, text: str) -> None:
    error = await client.error(f'{{ candidateLists(filter: {{ nameContains: "{text}" }}) {{ nodes {{ name }} }} }}')
    assert error["code"] == "BAD_USER_INPUT"


async def test_another_account_s_lists_are_not_there(client: Client, world: World, other_world: World) -> None:
    await other_world.candidate_list("theirs", [await other_world.candidate()])
    assert await names(client) == []


async def test_candidates_take_as_many_statements_for_one_list_as_for_many(
    client: Client, world: World, statements: list[str]
) -> None:
    await client.data("{ viewer { subject } }")
    candidates = await world.candidates(3)
    taken = []
    for more in (1, 5):
        for index in range(more):
            await world.candidate_list(f"{more} {index}", candidates)
        statements.clear()
        await client.data(
            "{ candidateLists { nodes { candidates { totalCount nodes { candidateLists { name } } } } } }"
        )
        taken.append(len(statements))
    assert taken[0] == taken[1], statements
