"""What the mutations of a sync have in common: items are read one by one, the good ones kept, the others named."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain.candidates import LONGEST_EXTERNAL_ID, InvalidValueError, required_text
from app.domain.errors import DomainError, InvalidInputError
from app.domain.sync.items import ABSENT, Outcome
from app.domain.sync.moments import plausible
from app.resolvers.changing import change
from app.schema.errors import Failure

Given = TypeVar("Given")

Place = tuple[int, DomainError]
"""An error and the index of its item."""


@dataclass(frozen=True, slots=True)
class Said:
    """An item that can be kept, and where it stands in the input."""

    index: int
    key: tuple[Any, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of a sync, for its payload to read."""

    ids: tuple[UUID, ...] = ()
    """What was kept, in the order of the input."""
    created_count: int = 0
    updated_count: int = 0
    user_errors: tuple[Failure, ...] = ()


@dataclass(slots=True)
class Fields:
    """Reads the fields of one item, and gathers what is wrong with them."""

    problems: list[InvalidValueError] = field(default_factory=list)

    def read(self, check: Callable[..., Any], value: Any, *arguments: Any) -> Any:
        """The value to keep; ABSENT when the field was left out or cannot be used."""
        if value is strawberry.UNSET:
            return ABSENT
        try:
            return check(value, *arguments)
        except InvalidValueError as problem:
            self.problems.append(problem)
            return ABSENT

    def id(self, value: str, name: str = "externalId") -> Any:
        """An id of the other system."""
        return self.read(required_text, value, name, LONGEST_EXTERNAL_ID)

    def moment(self, value: datetime | None, name: str) -> Any:
        return self.read(plausible, value, name)


Read = Callable[[Given, Fields], tuple[tuple[Any, ...], tuple[Any, ...]]]
"""The key and the values of an item as it was given."""

Keep = Callable[[Transaction, Context, Sequence[Said]], Awaitable[Outcome[Said]]]
"""Keeps items, each key once."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Given]):
    """A kind of item: the field of the input that lists them, and what is done with them."""

    name: str
    read: Read[Given]
    keep: Keep

    @property
    def path(self) -> tuple[str, str]:
        return "input", self.name


async def sync(info: Info[Context, None], kind: Kind[Given], items: Sequence[Given]) -> Any:
    """Keeps the items in one transaction, all but those with errors. Of several with one key the last good one
    counts."""
    info.context.demand(Permission.SYNC_CANDIDATES)
    most = info.context.settings.max_synced
    if len(items) > most:
        return Synced(user_errors=(Failure(too_many(kind.path, len(items), most)),))
    said, errors = read_items(kind, items)
    if not said:
        return Synced(user_errors=failures(kind.path, errors))

    async def work(tx: Transaction, context: Context) -> Synced:
        outcome = await kind.keep(tx, context, said)
        errors.extend((item.index, error) for item, error in outcome.refused)
        ids = tuple(outcome.ids[item.key] for item in said if item.key in outcome.ids)
        return Synced(ids, outcome.created, outcome.updated, failures(kind.path, errors))

    return await change(info, Permission.SYNC_CANDIDATES, work)


def read_items(kind: Kind[Given], items: Sequence[Given]) -> tuple[list[Said], list[Place]]:
    """The items that can be kept, each key once and in the order in which they are first named, and what is wrong
    with the others."""
    said: dict[tuple[Any, ...], Said] = {}
    errors: list[Place] = []
    for index, item in enumerate(items):
        fields = Fields()
        key, values = kind.read(item, fields)
        if fields.problems:
            errors += [(index, InvalidInputError((each.field,), f"{each}.")) for each in fields.problems]
        else:
            said[key] = Said(index, key, values)
    return list(said.values()), errors


def failures(path: tuple[str, ...], errors: Sequence[Place]) -> tuple[Failure, ...]:
    """The errors in the order of their items, each with its place in the input."""
    ordered = sorted(errors, key=lambda found: found[0])
    return tuple(Failure(error.at(*path, str(index), *error.path)) for index, error in ordered)


def too_many(path: tuple[str, ...], count: int, most: int) -> DomainError:
    return InvalidInputError(path, f"At most {most:,} items at once, not {count:,}.")
