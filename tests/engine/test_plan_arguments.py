"""Values of variables and arguments in plans: what a resolver gets is what it gets from graphql-core and Strawberry."""

import enum
from copy import deepcopy
from typing import Any, NewType

import pytest
import strawberry
from graphql.execution.values import get_argument_values, get_variable_values
from strawberry import UNSET
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from app.engine.answers import encoded
from app.engine.batch import value_of
from app.engine.execution import Admitted, Engine
from app.engine.plan import Plans
from app.engine.requests import from_json
from app.settings import Settings
from tests.engine.sample import Visitor


@strawberry.enum
class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


def _price(value: object) -> tuple[int, str]:
    amount, currency = str(value).split()
    return int(amount), currency


Price = NewType("Price", object)


@strawberry.input
class Box:
    name: str
    weight: float | None
    size: Size = Size.SMALL
    sizes: list[Size] | None = None
    label: str | None = "none"
    tags: list[str] = strawberry.field(default_factory=lambda: ["new"])
    note: str | None = UNSET
    inner: "Box | None" = None
    grid: list[list[int | None]] | None = None
    price: Price | None = None
    count: int = 1
    sides: list[int] = strawberry.field(default=(1, 2))  # Strawberry makes a list of it.


@strawberry.input(one_of=True)
class Choice:
    name: str | None = UNSET
    box: Box | None = UNSET
    ids: list[strawberry.ID] | None = UNSET


STANDARD_BOX = Box(name="standard", weight=2, tags=["kept"])


async def _told(
    number: int = 5,
    text: str | None = "nothing",
    id: strawberry.ID | None = None,
    ids: list[strawberry.ID] | None = None,
    flag: bool | None = UNSET,
    weight: float | None = UNSET,
    size: Size = Size.LARGE,
    sizes: list[Size | None] | None = None,
    box: Box | None = None,
    boxes: list[Box | None] | None = None,
    choice: Choice | None = None,
    price: Price | None = None,
    anything: JSON | None = None,
    names: list[str] | None = None,
    lists: list[list[int]] | None = None,
    standard: Box = STANDARD_BOX,
) -> str:
    """What was given; then changes it, so that the next one would be told if it were the same."""
    told = repr([number, text, id, ids, flag, weight, size, sizes, box, boxes, choice, price, anything, names, lists])
    told += repr(standard)
    given: list[Any] = [ids, sizes, boxes, anything, names, lists]
    for each in given:
        if isinstance(each, list):
            each.append("changed")
    for changed in (box, standard, *(boxes or ())):
        if isinstance(changed, Box):
            changed.tags.append("changed")
            changed.name = "changed"
    return told


@strawberry.type
class Query:
    told: str = strawberry.field(resolver=_told)


SCHEMA = strawberry.Schema(
    Query,
    config=StrawberryConfig(
        default_resolver=value_of,
        scalar_map={Price: strawberry.scalar(name="Price", serialize=str, parse_value=_price)},
    ),
)


def engine(plans: Plans | None) -> Engine:
    return Engine(SCHEMA._schema, Settings(), lambda _: None, plans=plans)


PLANNED, STANDARD = engine(Plans(SCHEMA)), engine(None)


@pytest.fixture
def thorough(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What graphql-core was asked for by plans."""
    asked: list[str] = []

    def variables(*given: Any) -> Any:
        asked.append("variables")
        return get_variable_values(*given)

    def arguments(*given: Any) -> Any:
        asked.append("arguments")
        return get_argument_values(*given)

    monkeypatch.setattr("app.engine.plan.planning.get_variable_values", variables)
    monkeypatch.setattr("app.engine.plan.compiling.get_argument_values", arguments)
    return asked


async def answers(query: str, variables: dict[str, Any]) -> tuple[bytes, bytes, str]:
    """By a plan and without, and what ran the first."""
    visitor = Visitor()

    async def admitted(by: Engine) -> Admitted:
        return await by.admit(from_json({"query": query, "variables": deepcopy(variables)}), visitor)

    planned, standard = await admitted(PLANNED), await admitted(STANDARD)
    by_plan = encoded(await PLANNED.answer(planned, visitor, "id"))
    return by_plan, encoded(await STANDARD.answer(standard, visitor, "id")), planned.executor


def of(kind: str, argument: str, *values: Any) -> list[tuple[str, dict[str, Any]]]:
    """Each value, in a variable of this type that is the argument."""
    return [(f"query($v: {kind}) {{ told({argument}: $v) }}", {"v": value}) for value in values]


LEAST = {"name": "least"}
FULL = {
    "name": "full",
    "weight": 0.5,
    "size": "LARGE",
    "sizes": ["SMALL", "LARGE"],
    "label": None,
    "tags": [],
    "note": "x",
    "inner": {"name": "inner", "note": None},
    "grid": [[1, None], []],
    "price": "3 EUR",
    "count": 2,
}

ORDINARY = [
    *of("Int!", "number", 1, -(2**31), 2**31 - 1),
    *of("String", "text", "a", "", None),
    *of("ID", "id", "a", None),
    *of("[ID!]", "ids", ["a", "b"], [], None),
    *of("Boolean", "flag", True, False, None),
    *of("Float", "weight", 1.5, None),
    *of("Size!", "size", "SMALL", "LARGE"),
    *of("[Size]", "sizes", ["SMALL", None, "LARGE"]),
    *of("[Size!]", "sizes", ["SMALL"]),
    *of("Price", "price", "3 EUR", None),
    *of("JSON", "anything", {"a": [1, None]}, [1], "text", 5, None),
    *of("[String!]", "names", ["a"], []),
    *of("[[Int!]!]", "lists", [[1, 2], []], []),
    *of("Box", "box", LEAST, FULL, None),
    *of("[Box]", "boxes", [LEAST, None, FULL], []),
    *of("Box!", "standard", LEAST),
    *of("Choice", "choice", {"name": "a"}, {"box": FULL}, {"ids": ["a"]}, None),
    ("query($v: Int! = 7) { told(number: $v) }", {}),
    ("query($v: Int! = 7) { told(number: $v) }", {"v": 8}),
    ("query($v: String = null) { told(text: $v) }", {}),
    ("query($v: String = \"x\") { told(text: $v) }", {"v": None}),
    ("query($v: Int) { told(number: $v) }", {}),
    ("query($v: String) { told(text: $v) }", {}),
    ("query($v: Boolean) { told(flag: $v) }", {}),
    ("query($v: Box!, $w: Int) { told(standard: $v, number: $w) }", {"v": FULL}),
    ("query($v: Box = {name: \"by default\", tags: \"one\", price: \"1 EUR\"}) { told(box: $v) }", {}),
    ("query($v: [String!] = [\"by default\"]) { told(names: $v) }", {}),
    ("query($v: JSON = [1, {a: 2}]) { told(anything: $v) }", {}),
    ("query($v: [Size] = [LARGE, null]) { told(sizes: $v) }", {}),
    ("query($v: String) { told(text: $v, box: {name: \"a\", tags: []}, anything: [1], price: \"2 EUR\", size: SMALL) }",
     {"v": "b"}),
    ("query($v: String!) { told(box: {name: $v, inner: {name: \"b\", count: 2, sizes: [LARGE]}, note: null}) }",
     {"v": "a"}),
    ("query($v: String, $w: Int, $t: String) { told(box: {name: \"a\", label: $v, count: $w, note: $t}) }", {}),
    ("query($v: String, $t: String) { told(box: {name: \"a\", label: $v, note: $t}) }", {"v": None, "t": None}),
    ("query($v: Int, $w: Int) { told(box: {name: \"a\", grid: [[1, $v, $w], [$v]]}) }", {"v": 2}),
    ("query($v: Size!, $w: Size) { told(sizes: [$v, SMALL, null, $w]) }", {"v": "LARGE"}),
    ("query($v: Int!) { told(lists: [[$v, 1], 2]) }", {"v": 3}),
    ("query($v: Int!) { told(lists: 4, number: $v) }", {"v": 3}),
    ("query($v: Box, $w: Box) { told(boxes: [$v, $w, $v, {name: \"a\"}]) }", {"v": FULL}),
    ("query($v: Int, $w: Int) { told(anything: {a: [$v], b: {c: $w}}) }", {"v": 1}),
    ("query($v: String!) { told(choice: {name: $v}) }", {"v": "a"}),
    ("query($v: ID!) { told(choice: {ids: [$v]}) }", {"v": "a"}),
    ("query($a: Int!, $b: String, $c: Int!) { told(number: $a, text: $b) x: told(number: $c, text: $b) }",
     {"a": 1, "b": "b", "c": 3}),
    ("query($v: [String!], $w: Box) { told(names: $v, box: $w) x: told(names: $v, box: $w, boxes: [$w]) }",
     {"v": ["a"], "w": FULL}),
    ("query($v: String, $if: Boolean!) { told(text: $v) @skip(if: $if) x: told(text: $v) @include(if: $if) }",
     {"v": "a", "if": True}),
    ("query($v: String, $if: Boolean!) { told(text: $v) @skip(if: $if) x: told(text: $v) @include(if: $if) }",
     {"v": "a", "if": False}),
    ("query($v: Box, $t: String!) { told(standard: $v, text: $t) }", {"t": "a"}),
    *of("ID", "id", 5, 5.0),
    *of("Int!", "number", 3.0),
    *of("Float", "weight", 3),
    ("query($v: String, $unknown: Int) { told(text: $v, number: $unknown) }", {"v": "a", "other": 1}),
]  # fmt: skip
"""Values as they should be, and those that scalars take by themselves."""

COERCED = [
    *of("[ID!]", "ids", "a", 5),
    *of("[Box]", "boxes", LEAST),
    *of("[[Int!]!]", "lists", [1, [2]], 3),
    *of("Box", "box", {**LEAST, "tags": "one"}),
    *of("Choice", "choice", {"ids": "a"}),
]
"""Odd values that graphql-core takes."""

NO_CHOICES: list[dict[str, Any]] = [{}, {"name": None}, {"name": "a", "ids": ["a"]}, {"name": "a", "ids": None}]

REFUSED = [
    *of("Int!", "number", "1", 1.5, True, None, 2**31, -(2**31) - 1, [1], {}),
    *of("String", "text", 1, True, [], {}),
    *of("ID", "id", 1.5, True, [], {}),
    *of("[ID!]", "ids", [None], ["a", None], [["a"]]),
    *of("Boolean", "flag", 1, "true"),
    *of("Float", "weight", "1", True),
    *of("Size!", "size", "s", "l", "MEDIUM", 1, None, [], {}),
    *of("[Size!]", "sizes", ["SMALL", None], ["s"]),
    *of("Price", "price", "much", 5),
    *of("[String!]", "names", [None], [1]),
    *of("[[Int!]!]", "lists", [None], [[None]], [["1"]]),
    *of("Box", "box", {}, {"name": None}, {**LEAST, "other": 1}, {**LEAST, "size": None}, {**LEAST, "tags": [None]}),
    *of("Box", "box", "a", [LEAST], {**LEAST, "inner": {}}, {**LEAST, "grid": [[1], None]}, {**LEAST, "count": None}),
    *of("[Box]", "boxes", [LEAST, {}]),
    *of("Choice", "choice", *NO_CHOICES, {"x": 1}),
    ("query($v: Int!) { told(number: $v) }", {}),
    ("query($v: Int) { told(number: $v) }", {"v": None}),
    ("query($v: Int! = 7) { told(number: $v) }", {"v": None}),
    ("query($v: Size = SMALL) { told(sizes: [SMALL], size: $v) }", {"v": None}),
    ("query($v: String = \"a\") { told(box: {name: $v}) }", {"v": None}),
    ("query($v: String = \"a\") { told(names: [\"b\", $v]) }", {"v": None}),
    ("query($v: Int = 1) { told(lists: [[$v]]) }", {"v": None}),
    ("query($v: Int) { told(box: {name: \"a\", count: $v}) }", {"v": None}),
]  # fmt: skip
"""What graphql-core refuses."""


@pytest.mark.parametrize(("query", "variables"), ORDINARY, ids=str)
async def test_ordinary_values_are_worked_out_by_what_was_made_of_the_document(
    query: str, variables: dict[str, Any], thorough: list[str]
) -> None:
    for _ in range(2):
        by_plan, standard, executor = await answers(query, variables)
        assert by_plan == standard
        assert executor == "levels"
    assert thorough == []


@pytest.mark.parametrize(("query", "variables"), COERCED, ids=str)
async def test_odd_values_that_are_taken_are_worked_out_by_graphql_core(
    query: str, variables: dict[str, Any], thorough: list[str]
) -> None:
    for _ in range(2):
        by_plan, standard, executor = await answers(query, variables)
        assert by_plan == standard
        assert executor == "levels"
    assert thorough == ["variables", "variables"]


@pytest.mark.parametrize(("query", "variables"), REFUSED, ids=str)
async def test_what_is_refused_is_refused_as_graphql_core_does(
    query: str, variables: dict[str, Any], thorough: list[str]
) -> None:
    by_plan, standard, executor = await answers(query, variables)
    assert b'"errors"' in standard
    assert by_plan == standard
    assert executor == "graphql-core; error"
    assert len(thorough) == 1


@pytest.mark.parametrize(("query", "variables"), of("Choice", "choice", *NO_CHOICES), ids=str)
async def test_exactly_one_choice_is_demanded_even_if_strawberry_leaves_that_to_graphql_core(
    query: str, variables: dict[str, Any], thorough: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = SCHEMA._schema.type_map["Choice"]
    monkeypatch.setattr(choice, "out_type", dict)
    monkeypatch.setattr(choice, "is_one_of", True)
    by_plan, standard, _ = await answers(query, variables)
    assert b'"errors"' in standard
    assert by_plan == standard
    assert thorough == ["variables"]


async def test_arguments_without_variables_are_worked_out_once(thorough: list[str]) -> None:
    query = '{ told(number: 1, box: {name: "constant"}) }'
    await answers(query, {})
    await answers(query, {})
    assert thorough == ["arguments"]
