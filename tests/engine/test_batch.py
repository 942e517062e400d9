"""Nested fields that are resolved for all their parents at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from aiodataloader import DataLoader
from graphql import ExecutionResult, GraphQLSchema, execute, parse
from strawberry.schema.config import StrawberryConfig

from app.engine.batch import batch_field, value_of


@dataclass
class Context:
    loaders: dict[Any, DataLoader[Any, Any]] = field(default_factory=dict)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    calls: list[tuple[str, list[Any], dict[str, Any]]] = field(default_factory=list)


async def twice(context: Context, keys: Sequence[int], plus: int = 0) -> dict[int, int]:
    context.calls.append(("twice", list(keys), {"plus": plus}))
    return {key: 2 * key + plus for key in keys}


async def only_odd(context: Context, keys: Sequence[int]) -> dict[int, int]:
    context.calls.append(("only_odd", list(keys), {}))
    return {key: key for key in keys if key % 2}


async def fails(context: Context, keys: Sequence[int]) -> dict[int, int]:
    raise RuntimeError("no")


@strawberry.type
class Thing:
    id: int
    doubled: int | None = batch_field(twice, description="Twice the id.")
    odd: int | None = batch_field(only_odd, description="The id, when it is odd.")
    by_other_key: int | None = batch_field(twice, key="other", description="Twice the other id.")
    by_path: int | None = batch_field(twice, key=("within", 0), description="Twice what lies deeper.")
    failing: int | None = batch_field(fails, description="Fails.")


THINGS: list[dict[str, Any]] = [
    {"id": 1, "other": 7, "within": (101, 0)},
    {"id": 2, "other": None, "within": (102, 0)},
    {"id": 1, "other": 7, "within": (101, 0)},
]


@strawberry.type
class Query:
    @strawberry.field
    def things(self) -> list[Thing]:
        return THINGS  # type: ignore[return-value]


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    made: GraphQLSchema = strawberry.Schema(Query, config=StrawberryConfig(default_resolver=value_of))._schema
    return made


async def run(schema: GraphQLSchema, query: str, context: Context) -> ExecutionResult:
    result = execute(schema, parse(query), context_value=context)
    return result if isinstance(result, ExecutionResult) else await result


async def things(schema: GraphQLSchema, fields: str, context: Context) -> list[dict[str, Any]]:
    result = await run(schema, f"{{ things {{ {fields} }} }}", context)
    assert result.errors is None
    assert result.data is not None
    found: list[dict[str, Any]] = result.data["things"]
    return found


async def test_all_parents_are_asked_about_at_once_and_each_key_once(schema: GraphQLSchema) -> None:
    context = Context()
    found = await things(schema, "doubled", context)
    assert [thing["doubled"] for thing in found] == [2, 4, 2]
    assert context.calls == [("twice", [1, 2], {"plus": 0})]


async def test_the_same_field_with_other_arguments_is_asked_apart(schema: GraphQLSchema) -> None:
    context = Context()
    found = await things(schema, "a: doubled(plus: 1) b: doubled(plus: 2)", context)
    assert [(thing["a"], thing["b"]) for thing in found] == [(3, 4), (5, 6), (3, 4)]
    assert [arguments["plus"] for _, _, arguments in context.calls] == [1, 2]


async def test_a_key_that_is_left_out_is_null(schema: GraphQLSchema) -> None:
    assert [thing["odd"] for thing in await things(schema, "odd", Context())] == [1, None, 1]


async def test_a_parent_without_a_key_is_null_and_not_asked_about(schema: GraphQLSchema) -> None:
    context = Context()
    assert [thing["byOtherKey"] for thing in await things(schema, "byOtherKey", context)] == [14, None, 14]
    assert context.calls == [("twice", [7], {"plus": 0})]


async def test_a_key_may_be_computed(schema: GraphQLSchema) -> None:
    assert [thing["byPath"] for thing in await things(schema, "byPath", Context())] == [202, 204, 202]


async def test_nothing_is_remembered_from_one_operation_to_the_next(schema: GraphQLSchema) -> None:
    for context in (Context(), Context()):
        await things(schema, "doubled", context)
        assert len(context.calls) == 1


async def test_a_failure_is_each_parents_failure(schema: GraphQLSchema) -> None:
    result = await run(schema, "{ things { id failing } }", Context())
    assert result.data == {"things": [{"id": thing["id"], "failing": None} for thing in THINGS]}
    assert result.errors is not None
    assert sorted(str(error.path) for error in result.errors) == [
        f"['things', {index}, 'failing']" for index in range(3)
    ]


def test_values_are_read_by_key_or_by_attribute() -> None:
    assert value_of({"name": 1}, "name") == 1
    assert value_of(SimpleNamespace(name=1), "name") == 1
    with pytest.raises(AttributeError):
        value_of({"name": 1}, "missing")
