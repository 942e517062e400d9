"""Level by level or field by field: whatever is asked, both ways of running a query give the same answer."""

import contextlib
import gc
import os
import re
import tracemalloc
from collections import Counter
from random import Random
from typing import Any

import pytest
from graphql import ExecutionResult, FieldNode, GraphQLField, execute
from graphql.execution.values import VariableValues, get_argument_values

from app.context import Session
from app.engine.answers import encoded
from app.engine.documents import BYTES_OF_A_PLANNED_TOKEN, MOST_PLANS, Document, Documents
from app.engine.graphiql import Example
from app.engine.plan import Fallback, Given, Plans
from app.engine.plan.planning import NO_VARIABLES
from app.examples import EXAMPLES
from app.graph import schema, strawberry_schema
from app.schema.scalars import SHORTCUTS
from app.settings import Settings
from tests.client import Client
from tests.inventory import Inventory
from tests.querying import Query, Writing
from tests.test_readme import A_CANDIDATE, A_SEGMENT, filled

LINK = re.compile(rb"/exports\?token=[\w-]+")
"""The address of an export ends at a moment, so no two need be the same."""

QUERIES = int(os.environ.get("PLAN_QUERIES", "5000"))
SHARES = 20

# When one field fails at once, graphql-core does not await what its siblings have begun.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


DOCUMENTS = Documents(
    schema,
    Settings(max_tokens=20_000, max_fields=20_000, max_aliases=1_000, max_directives=1_000, max_root_fields=100),
)
PLANS = Plans(strawberry_schema, SHORTCUTS)


QUERIES_OF_THE_README = [each for each in EXAMPLES if each.query.startswith("query")]


def ids(own: Inventory) -> dict[str, str]:
    return {A_SEGMENT: str(own.one("Segment")), A_CANDIDATE: str(own.one("Candidate"))}


@pytest.mark.parametrize("share", range(SHARES))
async def test_a_plan_answers_like_graphql_core(share: int, ours: Inventory, session: Session) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(QUERIES // SHARES):
        query = Writing(Random(f"{share} {number}"), ours).query()
        outcomes[await compare(query, session)] += 1
    assert outcomes["alike"] > 0.4 * sum(outcomes.values()), outcomes


async def test_values_as_they_should_be_are_not_worked_out_by_graphql_core(
    ours: Inventory, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def arguments(field: GraphQLField, node: FieldNode, variables: VariableValues) -> dict[str, Any]:
        if variables.coerced:
            asked.append(node)
        return get_argument_values(field, node, variables)

    monkeypatch.setattr("app.engine.plan.planning.get_variable_values", lambda *given: asked.append(given))
    monkeypatch.setattr("app.engine.plan.compiling.get_argument_values", arguments)
    with_variables = 0
    for number in range(QUERIES // SHARES):
        query = Writing(Random(f"values {number}"), ours).query()
        document = DOCUMENTS.get(query.text)
        [operation] = document.operations.values()
        with contextlib.suppress(Fallback):
            await PLANS.run(document, operation, Given(query.variables), session.context())
        with_variables += bool(query.variables)
        assert asked == [], query
    assert with_variables > QUERIES // SHARES // 4


async def compare(query: Query, session: Session) -> str:
    document = DOCUMENTS.get(query.text)
    [operation] = document.operations.values()
    expected = execute(schema, document.node, context_value=session.context(), variable_values=query.variables)
    if not isinstance(expected, ExecutionResult):
        expected = await expected
    asked = Given(query.variables, is_kept=True)
    try:
        found = await PLANS.run(document, operation, asked, session.context())
        again = await PLANS.run(document, operation, asked, session.context())
    except Fallback as fallback:
        if fallback.reason == "uncovered" or not expected.errors:
            raise
        return "error"
    assert not expected.errors, (query, expected.errors)
    assert expected.data is not None
    for answer in (found, again):
        assert LINK.sub(b"LINK", encoded(answer)) == LINK.sub(b"LINK", encoded(expected.data)), query
    return "alike"


async def test_what_was_made_of_a_request_is_there_when_it_comes_again(session: Session) -> None:
    document = DOCUMENTS.get("query ($filter: CandidateFilter) { candidates(filter: $filter) { nodes { id } } }")
    operation = document.operation(None)
    few = {"country": {"eq": "NL"}, "skills": {"hasAny": ["Python"]}}
    many = {"name": {"in": ["a b c d e f g h i j"] * 8}}
    for filter, listed in ((few, 1), (many, 0), ({"or": [few] * 20}, None), ({"eligibleFor": "SMS"}, None)):
        asked = Given({"filter": filter}, is_kept=True)
        await PLANS.run(document, operation, asked, session.context())
        coerced, made = asked.coerced, dict(asked.fields)
        kept = [listing for each in made.values() for listing in each.kept.values()]
        assert [len(listing.walks) for listing in kept] == ([] if listed is None else [listed])
        await PLANS.run(document, operation, asked, session.context())
        assert asked.coerced is coerced is not None
        assert asked.fields == made
        assert [listing for each in made.values() for listing in each.kept.values()] == kept
    asked = Given({"filter": few})
    await PLANS.run(document, operation, asked, session.context())
    assert asked.coerced is None
    assert not asked.fields


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each.query.startswith("query")], ids=lambda each: each.title
)
async def test_an_example_runs_level_by_level(example: Example, ours: Inventory, our_client: Client) -> None:
    asked = {"query": example.query, "variables": filled(example.variables, ids(ours))}
    response = await our_client.http.post("/graphql", json=asked)
    assert response.headers["graphql-executor"] == "levels"


async def test_the_reason_why_a_query_was_not_run_level_by_level_is_told(our_client: Client) -> None:
    for query, executor in (
        ("{ viewer { subject } }", "levels"),
        ("{ __schema { queryType { name } } }", "graphql-core; uncovered"),
        ("{ segments(first: 0) { totalCount } }", "graphql-core; error"),
        ("mutation { __typename }", "graphql-core"),
    ):
        response = await our_client.http.post("/graphql", json={"query": query})
        assert response.headers["graphql-executor"] == executor


async def test_fallbacks_are_counted_by_operation_and_reason(our_client: Client) -> None:
    await our_client.answer("query Wrong { segments(first: 0) { totalCount } }")
    metrics = (await our_client.http.get("/metrics")).text
    assert 'segments_fallbacks_total{operation="Wrong",reason="error"} 1.0' in metrics


async def test_no_more_variants_are_planned_than_are_kept(our_client: Client) -> None:
    """Each combination of what is skipped is another plan."""
    declared = ", ".join(f"$v{number}: Boolean!" for number in range(4))
    fields = " ".join(f"a{number}: viewer @skip(if: $v{number}) {{ subject }}" for number in range(4))
    query = f"query({declared}) {{ __typename {fields} }}"
    executors = []
    for number in range(MOST_PLANS + 2):
        variables = {f"v{bit}": bool(number >> bit & 1) for bit in range(4)}
        response = await our_client.http.post("/graphql", json={"query": query, "variables": variables})
        assert len(response.json()["data"]) == 5 - number.bit_count()
        executors.append(response.headers["graphql-executor"])
    assert executors == ["levels"] * MOST_PLANS + ["graphql-core; uncovered"] * 2


def test_a_plan_takes_no_more_memory_than_is_counted() -> None:
    for example in QUERIES_OF_THE_README:
        document = DOCUMENTS.get(example.query)
        [operation] = document.operations.values()
        PLANS._variables(operation, dict(example.variables))
        PLANS._plan(document, operation, NO_VARIABLES)
        operation.plans.by_variant.clear()
        operation.plans.variables = None
        gc.collect()
        tracemalloc.start()
        try:
            PLANS._variables(operation, dict(example.variables))
            PLANS._plan(document, operation, NO_VARIABLES)
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < BYTES_OF_A_PLANNED_TOKEN * tokens(document)


def tokens(document: Document) -> int:
    assert document.node.loc
    count, token = 0, document.node.loc.start_token.next
    while token:
        count, token = count + 1, token.next
    return count + 1
