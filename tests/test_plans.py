"""Level by level or field by field: whatever is asked, both ways of running a query give the same answer."""

import os
from collections import Counter
from random import Random

import orjson
import pytest
from graphql import ExecutionResult, OperationDefinitionNode, execute, parse, validate
from graphql.execution.values import VariableValues, get_variable_values

from app.context import Session
from app.engine.plan import compiled
from app.engine.plan.selecting import deciding_variables
from app.graph import schema, strawberry_schema
from tests.inventory import Inventory
from tests.querying import Query, Writing

QUERIES = int(os.environ.get("PLAN_QUERIES", "5000"))
SHARES = 20

# When one field fails at once, graphql-core does not await what its siblings have begun.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("share", range(SHARES))
async def test_a_plan_answers_like_graphql_core(share: int, ours: Inventory, session: Session) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(QUERIES // SHARES):
        query = Writing(Random(f"{share} {number}"), ours).query()
        outcomes[await compare(query, session)] += 1
    assert outcomes["alike"] > 0.5 * sum(outcomes.values()), outcomes


async def compare(query: Query, session: Session) -> str:
    document = parse(query.text)
    assert validate(schema, document) == [], query.text
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    variables = get_variable_values(schema, operation.variable_definitions or (), query.variables)
    assert isinstance(variables, VariableValues), variables
    expected = execute(schema, document, context_value=session.context(), variable_values=query.variables)
    if not isinstance(expected, ExecutionResult):
        expected = await expected
    deciding = {name: variables.coerced[name] for name in deciding_variables(document, operation)}
    converter = strawberry_schema.schema_converter
    plan = compiled(schema, converter.scalar_registry, converter.config, document, operation, deciding)
    try:
        found = await plan.run(session.context(), variables)
    except Exception:
        if not expected.errors:
            raise
        return "error"
    assert not expected.errors, (query, expected.errors)
    assert orjson.dumps(found, default=str) == orjson.dumps(expected.data, default=str), query
    return "alike"
