"""What an operation costs, who may ask for how much, and how clients learn of it."""

from collections.abc import AsyncIterator
from time import process_time
from typing import Any

import httpx
import pytest
from graphql import build_schema

from app.engine.cost import ASSUMED_LIST, INTROSPECTION, MUTATION
from app.engine.documents import Documents
from app.engine.execution import Engine
from app.engine.http import GraphQLApp
from app.examples import EXAMPLES
from app.graph import schema
from app.settings import Settings
from tests.engine.sample import Visitor, explain

SDL = """
type Query {
  hello: String
  me: Person
  people(first: Int, last: Int): People!
  teams(first: Int = 7): Teams
  nodes(ids: [ID!]!): [Node]!
  node(id: ID!): Node
}
type Mutation { hire(name: String): Person, fire: Boolean, keep(input: Keep!): Kept! }
input Keep { people: [Name!]!, ids: [ID!], note: String }
input Name { name: String, skills: [String!] }
type Kept { people: [Person!]!, count: Int, team: Team }
type Subscription { hired: Person }
interface Node { id: ID! }
type Person implements Node { id: ID!, name: String, boss: Person, skills: [String!]!, jobs: [Job!]!, friends(first: Int, last: Int): People! }
type Job { title: String, employer: Person }
type People { pageInfo: PageInfo!, totalCount: Int, edges: [Edge!]!, nodes: [Person!]! }
type Teams { pageInfo: PageInfo!, nodes: [Team!]! }
type Team implements Node { id: ID!, members(first: Int): People! }
type Edge { cursor: String, node: Person! }
type PageInfo { endCursor: String }
"""  # noqa: E501

SETTINGS = Settings(default_page=25, max_page=100, max_member_page=200)
DOCUMENTS = Documents(build_schema(SDL), SETTINGS)


def cost(text: str, **variables: Any) -> int:
    return DOCUMENTS.get(text).operation(None).cost.of(variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ hello }", 1),
        ("{ hello __typename }", 1),
        ("{ me { name } }", 1),
        ("{ me { name skills boss { name boss { name } } } }", 3),
        ("{ me { jobs { title } } }", 1 + ASSUMED_LIST),
        ("{ me { jobs { employer { jobs { title } } } } }", 1 + ASSUMED_LIST * (2 + ASSUMED_LIST)),
        ("{ people(first: 10) { totalCount } }", 1),
        ("{ people(first: 10) { pageInfo { endCursor } } }", 2),
        ("{ people(first: 10) { nodes { name } } }", 1 + 10),
        ("{ people(last: 10) { edges { cursor } } }", 1 + 10),
        ("{ people(first: 10) { edges { node { name } } pageInfo { endCursor } } }", 1 + 1 + 20),
        ("{ people { nodes { name } } }", 1 + 25),
        ("{ people(first: null) { nodes { name } } }", 1 + 25),
        ("{ people(first: 0) { nodes { name } } }", 1),
        ("{ people(first: -5) { nodes { name } } }", 1),
        ("{ people(first: 2000000) { nodes { name } } }", 1 + 200),
        ("{ people(first: 3, last: 8) { nodes { name } } }", 1 + 8),
        ("{ teams { nodes { id } } }", 1 + 7),
        ("{ people(first: 10) { nodes { friends(first: 5) { nodes { name } } } } }", 1 + 10 * (1 + 1 + 5)),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
        ('{ nodes(ids: "a") { id } }', 1),
        (
            '{ node(id: "a") { ... on Person { boss { name } } ... on Team { members(first: 9) { nodes { id } } } } }',
            12,
        ),
        ("mutation { fire }", MUTATION),
        ("mutation { fire hire { boss { name } } }", 2 * MUTATION + 2),
        ("mutation { ...F ... { fire } } fragment F on Mutation { fire }", 2 * MUTATION),
        ("subscription { hired { name } }", 1),
        ("{ __schema { types { fields { name } } } }", INTROSPECTION),
        ('{ a: __type(name: "A") { name } b: __type(name: "B") { name } }', 2 * INTROSPECTION),
    ],
)
def test_an_operation_costs_the_objects_that_it_may_return(text: str, expected: int) -> None:
    assert cost(text) == expected


@pytest.mark.parametrize(
    ("variables", "rows"),
    [
        ({"n": 10}, 10),
        ({"n": 10.0}, 10),
        ({}, 40),
        ({"n": None}, 25),
        ({"n": 0}, 0),
        ({"n": -1}, 0),
        ({"n": 10**30}, 200),
        ({"n": "many"}, 25),
        ({"n": True}, 25),
        ({"n": [1]}, 25),
    ],
)
def test_sizes_of_pages_come_from_variables(variables: dict[str, Any], rows: int) -> None:
    text = "query($n: Int = 40) { people(first: $n) { nodes { friends(last: $n) { nodes { name } } } } }"
    assert cost(text, **variables) == 1 + rows * (2 + rows)


@pytest.mark.parametrize(("ids", "expected"), [(["a"] * 7, 14), ([], 1), ("a", 2)])
def test_nodes_cost_as_many_as_ids_are_given(ids: Any, expected: int) -> None:
    assert cost("query($ids: [ID!]!) { nodes(ids: $ids) { ... on Person { boss { name } } } }", ids=ids) == expected


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({"people": [{}] * 8}, 8),
        ({"people": [{}] * 8, "ids": ["a"] * 9, "note": "x" * 99}, 9),
        ({"people": [{"skills": ["a"] * 50}]}, ASSUMED_LIST),
        ({"people": {}}, ASSUMED_LIST),
        ({}, ASSUMED_LIST),
        (None, ASSUMED_LIST),
        ("x" * 99, ASSUMED_LIST),
    ],
)
def test_lists_that_a_mutation_answers_cost_as_many_as_it_was_given(given: Any, rows: int) -> None:
    fragment = "fragment F on Kept { people { boss { name } } }"
    text = f"mutation($input: Keep!) {{ keep(input: $input) {{ ...F team {{ id }} }} }} {fragment}"
    assert cost(text, input=given) == MUTATION + 1 + 1 + rows * 2


def test_lists_that_a_mutation_answers_cost_as_many_as_are_written_out() -> None:
    people = ", ".join(['{ name: "Ada" }'] * 7)
    assert cost(f"mutation {{ keep(input: {{ people: [{people}] }}) {{ people {{ name }} }} }}") == MUTATION + 1 + 7
    text = "mutation($people: [Name!]!) { keep(input: { people: $people }) { people { jobs { title } } } }"
    assert cost(text, people=[{}] * 20) == MUTATION + 1 + 20 * (1 + ASSUMED_LIST)


def test_fragments_cost_what_they_hold_wherever_they_are_spread() -> None:
    fragments = """
      fragment Page on People { nodes { ...Short } pageInfo { endCursor } }
      fragment Short on Person { name boss { name } }
    """
    text = "query($n: Int) { a: people(first: 3) { ...Page } b: people(first: $n) { ...Page } me { ...Short } }"
    assert cost(text + fragments, n=5) == (1 + 3 * 2 + 1) + (1 + 5 * 2 + 1) + 2


def test_the_cost_of_what_depends_on_variables_is_found_in_no_time() -> None:
    text = "query($n: Int) { people(first: $n) {" + "nodes { friends(first: $n) {" * 4 + "totalCount" + "}" * 10
    operation = DOCUMENTS.get(text).operation(None)
    began = process_time()
    for _ in range(1_000):
        operation.cost.of({"n": 10})
    assert process_time() - began < 0.1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_examples_cost_a_small_part_of_what_is_allowed(example: Any) -> None:
    kept = Documents(schema, Settings())
    assert kept.get(example.query).operation(None).cost.of(example.variables) <= Settings().max_cost / 10


PEOPLE = "query($n: Int) { people(first: $n) { nodes { name } } }"


class Asking(Visitor):
    max_cost = 100


@pytest.fixture
def ran() -> list[str]:
    """The root fields that were run."""
    return []


@pytest.fixture
async def http(ran: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    graph = build_schema(SDL)

    def resolve(name: str) -> Any:
        def run(*_: Any, **__: Any) -> Any:
            ran.append(name)
            return {"nodes": []} if name == "people" else None

        return run

    for kind in (graph.query_type, graph.mutation_type):
        assert kind is not None
        for name, field in kind.fields.items():
            field.resolve = resolve(name)

    async def authenticate(_: str | None) -> Asking:
        return Asking()

    app = GraphQLApp(Engine(graph, SETTINGS, explain), authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segments.test") as client:
        yield client


async def ask(http: httpx.AsyncClient, query: str, variables: dict[str, Any], **headers: str) -> httpx.Response:
    return await http.post("/", json={"query": query, "variables": variables}, headers=headers)


async def test_what_costs_as_much_as_is_allowed_runs(http: httpx.AsyncClient) -> None:
    response = await ask(http, PEOPLE, {"n": 99})
    assert response.json() == {"data": {"people": {"nodes": []}}}


@pytest.mark.parametrize(("accept", "status"), [("*/*", 400), ("application/json", 200)])
async def test_what_costs_more_is_refused_before_anything_runs(
    accept: str, status: int, http: httpx.AsyncClient, ran: list[str]
) -> None:
    response = await ask(http, PEOPLE, {"n": 100}, accept=accept)
    assert response.status_code == status
    assert "data" not in response.json()
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "COST_LIMIT_EXCEEDED", "cost": 101, "limit": 100}
    assert ran == []


async def test_the_cost_is_told_when_it_is_asked_for(http: httpx.AsyncClient) -> None:
    answer = (await ask(http, PEOPLE, {"n": 9}, **{"GraphQL-Cost": "report"})).json()
    assert answer["data"] == {"people": {"nodes": []}}
    told = answer["extensions"]["cost"]
    assert (told["requested"], told["maximum"]) == (10, 100)
    status = told["throttleStatus"]
    assert status["maximumAvailable"] == SETTINGS.rate_limit_burst
    assert status["restoreRate"] == SETTINGS.rate_limit_points_per_second
    assert 0 < status["currentlyAvailable"] <= SETTINGS.rate_limit_burst - 9


@pytest.mark.parametrize("query", [PEOPLE, "mutation { fire }"])
async def test_the_cost_can_be_asked_for_without_running(query: str, http: httpx.AsyncClient, ran: list[str]) -> None:
    answer = (await ask(http, query, {"n": 9}, **{"GraphQL-Cost": "validate"})).json()
    assert answer.keys() == {"extensions"}
    assert answer["extensions"]["cost"]["requested"] == 10
    assert ran == []


async def test_a_misspelt_wish_runs_nothing(http: httpx.AsyncClient, ran: list[str]) -> None:
    response = await ask(http, "mutation { fire }", {}, **{"GraphQL-Cost": "validated"})
    assert response.status_code == 400
    assert ran == []
