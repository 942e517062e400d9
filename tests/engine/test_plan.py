"""Plans on a graph of their own, whose rows are not always what its types promise: then graphql-core has the word."""

import enum
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from app.engine.answers import encoded
from app.engine.batch import value_of
from app.engine.execution import Engine
from app.engine.plan import Plans, Shortcut
from app.engine.requests import from_json
from app.settings import Settings
from tests.engine.sample import Visitor


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"


@strawberry.interface
class Named:
    name: str

    @classmethod
    def resolve_type(cls, source: dict[str, Any], *_: Any) -> str:
        return str(source["kind"])

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
    "born": datetime(2020, 1, 1, tzinfo=UTC),
}  # fmt: skip
REX["friend"] = REX
TOM = {"kind": "Cat", "name": "Tom", "lives": 9}

ALL = """{ pets { __typename name ... on Named { again: name } ... on Dog { ...Dog friend { name } friends { name } }
  ... on Cat { lives } } }
fragment Dog on Dog { age colour born weight }"""

SCHEMA = strawberry.Schema(Query, types=[Dog, Cat], config=StrawberryConfig(default_resolver=value_of))
MOMENT = Shortcut("type({0}) is datetime and {0}.tzinfo is UTC", objects={"datetime": datetime, "UTC": UTC})


class Owner(Visitor):
    """A visitor with pets."""

    def __init__(self, *pets: Any) -> None:
        self.pets = list(pets)

    def context(self) -> Any:
        context: Any = super().context()
        context.pets = self.pets
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
    ],
    ids=str,
)
async def test_what_is_not_as_promised_is_answered_as_graphql_core_does(broken: dict[str, Any]) -> None:
    by_plan, standard, _ = await answers(Owner(TOM, {**REX, **broken}))
    assert by_plan.replace(b"Z", b"+00:00") == standard


@pytest.mark.parametrize("broken", [{"friend": None}, {"age": 2**31}, {"kind": "Horse"}, {"friends": "Rex"}], ids=str)
async def test_a_surprise_is_left_to_graphql_core(broken: dict[str, Any]) -> None:
    _, _, executor = await answers(Owner({**REX, **broken}))
    assert executor.startswith("graphql-core; ")
