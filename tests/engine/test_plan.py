"""Plans on a graph of their own, whose rows are not always what its types promise: then graphql-core has the word."""

import enum
import gc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from weakref import ref

import pytest
import strawberry
from graphql.language import Token
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from app.engine.answers import encoded
from app.engine.batch import batch_field, value_of
from app.engine.documents import Documents
from app.engine.execution import Engine
from app.engine.plan import Given, Plans, Shortcut
from app.engine.requests import from_json
from app.settings import Settings
from tests.engine.sample import Visitor


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"


@strawberry.type
class Person:
    name: str


async def people_by_name(context: Any, names: Sequence[str]) -> dict[str | None, Any]:
    context.asked.append(names)
    return {None: {"name": "Nobody"}} | {name: {"name": name.upper()} for name in names if name != "Unknown"}


async def vets_by_name(_: Any, names: Sequence[str]) -> dict[str | None, Any]:
    return {None: []} | {name: [{"name": name}] * length for length, name in enumerate(names)}


@strawberry.interface
class Named:
    name: str

    @classmethod
    def resolve_type(cls, source: dict[str, Any], *_: Any) -> str:
        return str(value_of(source, "kind"))

    @classmethod
    def is_type_of(cls, *_: Any) -> bool:
        return True


@strawberry.type
class Dog(Named):
    age: int
    colour: Colour
    friend: "Dog"
    friends: list["Dog"]
    born: datetime
    weight: float | None
    tricks: list[str]
    calls: list[str | None]
    rivals: list["Dog | None"] | None
    marks: list[list[int | None]]
    owner: "Person | None" = batch_field(people_by_name, key="owner_name", description="Whom it belongs to.")
    vets: "list[Person] | None" = batch_field(vets_by_name, key="owner_name", description="Who look after it.")


@strawberry.type
class Cat(Named):
    lives: int


async def _pets(info: Info) -> Any:
    return info.context.pets


@strawberry.type
class Query:
    pets: list[Named] = strawberry.field(resolver=_pets)


REX: dict[str, Any] = {
    "kind": "Dog", "name": "Rex", "age": 3, "colour": Colour.RED, "friends": [], "weight": 12.5,
    "born": datetime(2020, 1, 1, tzinfo=UTC), "tricks": ["sit", "roll"], "calls": [None, "Rexie"], "rivals": None,
    "marks": [], "owner_name": "Ann",
}  # fmt: skip
REX["friend"] = REX
TOM = {"kind": "Cat", "name": "Tom", "lives": 9}

ALL = """{ pets { __typename name ... on Named { again: name } ... on Dog { ...Dog friend { name } friends { name } }
  ... on Cat { lives } } }
fragment Dog on Dog { age colour born weight tricks calls rivals { name weight } marks owner { name } }"""

SCHEMA = strawberry.Schema(Query, types=[Dog, Cat], config=StrawberryConfig(default_resolver=value_of))
MOMENT = Shortcut("type({0}) is datetime and {0}.tzinfo is UTC", objects={"datetime": datetime, "UTC": UTC})


class Text(str):
    """A string of another type."""

    __slots__ = ()


class Owner(Visitor):
    """A visitor with pets."""

    def __init__(self, *pets: Any) -> None:
        self.pets = list(pets)
        self.asked: list[Any] = []

    def context(self) -> Any:
        context: Any = super().context()
        context.pets, context.asked = self.pets, self.asked
        return context


def engine(plans: Plans | None) -> Engine:
    return Engine(SCHEMA._schema, Settings(), lambda _: None, plans=plans)


PLANNED, STANDARD = engine(Plans(SCHEMA, {"DateTime": MOMENT})), engine(None)


async def answers(owner: Owner, query: str = ALL) -> tuple[bytes, bytes, str]:
    """By a plan and without, and what ran the first."""
    asked = from_json({"query": query})
    planned = await PLANNED.admit(asked, owner)
    by_plan = encoded(await PLANNED.answer(planned, owner, "id"))
    return by_plan, encoded(await STANDARD.answer(await STANDARD.admit(asked, owner), owner, "id")), planned.executor


async def test_what_is_as_promised_runs_level_by_level() -> None:
    by_plan, standard, executor = await answers(Owner({**REX, "friends": [REX, REX]}, TOM))
    assert executor == "levels"
    assert by_plan.replace(b"Z", b"+00:00") == standard


@pytest.mark.parametrize(
    "broken",
    [
        {"name": None},
        {"name": 5},
        {"age": None},
        {"age": 2**31},
        {"age": "many"},
        {"age": True},
        {"colour": "blue"},
        {"friend": None},
        {"friends": None},
        {"friends": [None]},
        {"friends": "Rex"},
        {"kind": "Horse"},
        {"kind": None},
        {"weight": float("nan")},
        {"weight": "heavy"},
        {"weight": None},
        {"weight": 3},
        {"born": datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2)))},
        {"born": None},
        {"age": -(2**31) - 1},
        {"age": 3.0},
        {"age": False},
        {"weight": float("inf")},
        {"weight": True},
        {"name": Text("Rex")},
        {"tricks": None},
        {"tricks": ("sit",)},
        {"tricks": "sit"},
        {"tricks": ["sit", None]},
        {"tricks": ["sit", 5, True, Text("beg")]},
        {"tricks": ["sit", {}]},
        {"calls": None},
        {"calls": [None, 5]},
        {"calls": [["Boy"]]},
        {"rivals": "Tom"},
        {"rivals": [None, {"name": None, "weight": 1.0}]},
        {"rivals": [None, {"name": "Ace", "weight": float("nan")}]},
        {"marks": [None]},
        {"marks": [[1], (2,)]},
        {"marks": [[1, 2**31]]},
        {"owner_name": []},
    ],
    ids=str,
)
async def test_what_is_not_as_promised_is_answered_as_graphql_core_does(broken: dict[str, Any]) -> None:
    by_plan, standard, _ = await answers(Owner(TOM, {**REX, **broken}))
    assert by_plan.replace(b"Z", b"+00:00") == standard


@pytest.mark.parametrize(
    "broken",
    [
        {"friend": None},
        {"age": 2**31},
        {"kind": "Horse"},
        {"friends": "Rex"},
        {"tricks": ["beg", 5]},
        {"tricks": [Text("beg")]},
        {"calls": [None, 5]},
    ],
    ids=str,
)
async def test_a_surprise_is_left_to_graphql_core(broken: dict[str, Any]) -> None:
    _, _, executor = await answers(Owner({**REX, **broken}))
    assert executor.startswith("graphql-core; ")


@pytest.mark.parametrize(
    "varied",
    [
        {"weight": None},
        {"weight": 3},
        {"name": Text("Rex")},
        {"name": 5},
        {"age": 2**31 - 1},
        {"age": -(2**31)},
        {"born": datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2)))},
        {"tricks": []},
        {"calls": []},
        {"calls": [None, None, "Boy"]},
        {"rivals": []},
        {"rivals": [None, {"name": "Ace", "weight": None}, None, {"name": "Max", "weight": 2.5}]},
        {"marks": [[], [1, None], [], [None], [2, 3, 4]]},
        {"friends": [REX, SimpleNamespace(**REX), REX]},
        {"owner_name": None},
        {"owner_name": "Unknown"},
        {"owner_name": "Bob"},
    ],
    ids=str,
)
async def test_a_row_that_differs_from_its_neighbours_runs_level_by_level(varied: dict[str, Any]) -> None:
    """And each has what is its own."""
    other = {**REX, **varied}
    owner = Owner(other, TOM, REX, SimpleNamespace(**other), {**TOM, "name": "Kit"}, REX, other)
    by_plan, standard, executor = await answers(owner)
    assert executor == "levels"
    assert by_plan.replace(b"Z", b"+00:00") == standard


@pytest.mark.parametrize("pets", [[], [TOM], [REX], [TOM, TOM], [SimpleNamespace(**TOM)]], ids=str)
async def test_any_number_of_rows_of_a_type_is_answered_alike(pets: list[Any]) -> None:
    by_plan, standard, executor = await answers(Owner(*pets))
    assert executor == "levels"
    assert by_plan.replace(b"Z", b"+00:00") == standard


@pytest.mark.parametrize("pets", [[None], [REX, None], [None, TOM]], ids=str)
async def test_a_row_that_is_missing_is_left_to_graphql_core(pets: list[Any]) -> None:
    for query in (ALL, "{ pets { __typename } }"):
        by_plan, standard, executor = await answers(Owner(*pets), query)
        assert by_plan == standard
        assert executor == "graphql-core; surprise"


async def test_lists_of_all_lengths_stay_with_their_rows() -> None:
    names = ["Ann", None, "Bob", "Ann", "Cas", None, "Bob"]
    owner = Owner(*({**REX, "owner_name": name} for name in names))
    by_plan, standard, executor = await answers(owner, "{ pets { ... on Dog { vets { name } owner { name } } } }")
    assert executor == "levels"
    assert by_plan == standard


async def test_a_key_is_asked_for_once_and_null_never() -> None:
    owner = Owner(*({**REX, "owner_name": name} for name in ("Ann", None, "Bob", "Ann")))
    query = from_json({"query": "{ pets { ... on Dog { owner { name } } } }"})
    await PLANNED.answer(await PLANNED.admit(query, owner), owner, "id")
    assert owner.asked == [["Ann", "Bob"]]


async def test_a_list_that_is_handed_on_is_not_changed() -> None:
    tricks = ["sit", "roll"]
    await answers(Owner({**REX, "tricks": tricks}))
    assert tricks == ["sit", "roll"]


async def test_what_is_kept_of_a_request_lets_go_of_its_document() -> None:
    """A default is a part of it, with all its tokens."""
    documents = Documents(SCHEMA._schema, Settings())
    document = documents.get("query ($without: Boolean = false) { pets @skip(if: $without) { name } }")
    asked = Given({}, is_kept=True)
    plans = Plans(SCHEMA)
    for _ in range(2):
        found = await plans.run(document, document.operation(None), asked, Owner(TOM).context())
        assert found == {"pets": [{"name": "Tom"}]}
    left = ref(document)
    del document, documents, plans
    gc.collect()
    assert left() is None
    assert not [each for each in gc.get_objects() if isinstance(each, Token) and each.value == "without"]
    assert asked.fields
