"""Runs what was compiled: level after level, each awaited field once for all its parents."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from itertools import chain
from typing import Any

from graphql.execution.values import VariableValues

from app.engine.weighing import holds_few

MOST_FIELDS = 4
"""Fields of a request that comes again whose arguments are kept."""

MOST_VALUES = 60
"""Values in the arguments of such a field."""

Rows = list[Any]
"""Values as resolvers return them."""

Objects = list[dict[str, Any]]
"""What clients get, by response key."""


class Surprise(Exception):  # noqa: N818
    """Something that only graphql-core can tell of exactly."""


class Columns(dict[str, frozenset[str] | None]):
    """By the name of a type, what is read of its rows; None for all of it, when that is not known."""

    def note(self, kind: str, read: frozenset[str] | None) -> None:
        """More that is read of the rows of a type."""
        known = self.get(kind, frozenset())
        self[kind] = None if known is None or read is None else known | read

    @cached_property
    def of_any(self) -> frozenset[str] | None:
        """What is read of rows of one type or another."""
        read = self.values()
        return None if None in read else frozenset(chain.from_iterable(each for each in read if each is not None))


def read_of(columns: Columns | None, kind: str) -> frozenset[str] | None:
    """What is read of the rows of a type: nothing of a type that is not selected, all when nobody says."""
    return columns.get(kind, frozenset()) if columns is not None else None


@dataclass(slots=True)
class Asking:
    """What a resolver is told of the operation, under the name of `info`."""

    context: Any
    columns: Columns | None
    """What is read of the field's value."""
    kept: dict[Any, Any]
    """For what a resolver makes of its arguments and columns alone: it is there again when the same request comes
    again."""


Arguments = Callable[[VariableValues], dict[str, Any]]
"""The arguments of a field, as its resolver takes them, by the values of the variables."""


@dataclass(slots=True)
class Given:
    """The variables of a request in JSON, and what was made of them: for when the same request comes again. Resolvers
    change none of it."""

    variables: dict[str, Any] | None = None
    is_kept: bool = False
    """Whether it is kept until then."""
    coerced: VariableValues | None = None
    fields: "dict[int, Made]" = field(default_factory=dict)
    """By the numbers of fields, a few that have few arguments: a variable may be in many of them, and a literal may be
    large."""

    def note_coerced(self, variables: VariableValues) -> None:
        """Keeps the values, unless a variable has a default: with that a whole document would be kept."""
        if self.is_kept and all(each.signature.default is None for each in variables.sources.values()):
            self.coerced = variables

    def note_made(self, number: int, made: "Made") -> None:
        """Keeps what was made of the arguments of a field, if it is little."""
        if self.is_kept and len(self.fields) < MOST_FIELDS and holds_few(made.arguments, MOST_VALUES):
            self.fields[number] = made


@dataclass(slots=True)
class Made:
    """What was made of the arguments of a field."""

    arguments: dict[str, Any]
    kept: dict[Any, Any] = field(default_factory=dict)
    """By its resolver. What is in here must not be held by the arguments: it would make a cycle of each request."""


@dataclass(slots=True)
class Run:
    """One operation that runs."""

    context: Any
    variables: VariableValues
    given: Given


@dataclass(slots=True)
class Region:
    """What is selected of a field's value, down to where something must be awaited."""

    complete: Callable[[Rows], tuple[list[Any], list[tuple[Rows, Objects]]]]
    """Makes of each value what the client gets. Also returns, for each awaited field, what it needs of the rows that it
    hangs on and the objects that it is missing in."""
    awaited: "list[Awaited]"
    columns: Columns

    async def fill(self, run: Run, missing: list[tuple[Rows, Objects]]) -> None:
        """Puts into the objects what they are missing, with everything beneath it."""
        for each, (rows, objects) in zip(self.awaited, missing, strict=True):
            if rows:
                await each.fill(run, rows, objects)


class Awaited:
    """A field whose values are found together for all the rows of a level."""

    def __init__(self, number: int, key: str, region: Region, arguments: Arguments) -> None:
        """No other field of the plan has the number."""
        self.key = key
        self.region = region
        self._number = number
        self._arguments = arguments

    async def fill(self, run: Run, needed: Rows, objects: Objects) -> None:
        """Puts the field into the object of each row. `needed` is the rows, or what is needed of them."""
        raise NotImplementedError

    def made(self, run: Run) -> Made:
        """What its arguments come to, now or when the request came before."""
        given = run.given
        made = given.fields.get(self._number)
        if made is None:
            made = Made(self._arguments(run.variables))
            given.note_made(self._number, made)
        return made


class Batched(Awaited):
    """A field with a batch function, which needs a key of each row. What is found for a key, all its rows share."""

    def __init__(
        self, number: int, key: str, region: Region, arguments: Arguments, function: Callable[..., Awaitable[Any]]
    ) -> None:
        super().__init__(number, key, region, arguments)
        self._function = function
        self._told = {"columns": region.columns} if "columns" in signature(function).parameters else {}

    async def fill(self, run: Run, needed: Rows, objects: Objects) -> None:
        name = self.key
        different = dict.fromkeys(needed)
        wanted = list(different)
        has_null = None in different
        if has_null:
            wanted.remove(None)
        found: Mapping[Any, Any] = {}
        if wanted:
            found = await self._function(run.context, wanted, **self.made(run).arguments, **self._told)
        if has_null:
            values = [None if key is None else found.get(key) for key in different]
        else:
            values = list(map(found.get, different))
        done, missing = self.region.complete(values)
        if missing:
            await self.region.fill(run, missing)
        if len(done) < len(objects):
            by_key = dict(zip(different, done, strict=True))
            done = list(map(by_key.__getitem__, needed))
        for each, value in zip(objects, done, strict=True):
            each[name] = value


class Single(Awaited):
    """A field whose resolver is awaited for each row: for what a level has few of, such as root fields and pages."""

    def __init__(
        self,
        number: int,
        key: str,
        region: Region,
        arguments: Arguments,
        resolve: Callable[[Any, Asking, dict[str, Any]], Any],
    ) -> None:
        super().__init__(number, key, region, arguments)
        self._resolve = resolve

    async def fill(self, run: Run, needed: Rows, objects: Objects) -> None:
        made = self.made(run)
        arguments = made.arguments
        asking = Asking(run.context, self.region.columns, made.kept)
        values = []
        for row in needed:
            values.append(await self._resolve(row, asking, arguments))  # noqa: PERF401 - which would be a coroutine more
        done, missing = self.region.complete(values)
        if missing:
            await self.region.fill(run, missing)
        for each, value in zip(objects, done, strict=True):
            each[self.key] = value


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled query."""

    fields: Sequence[Awaited]
    """The fields of the root, in the order of the answer."""
    fixed: dict[str, Any]
    """The root's object as it begins: every key, in the order of the answer."""

    async def run(self, context: Any, variables: VariableValues, given: Given) -> dict[str, Any]:
        """The query's data. Raises whatever goes wrong: then graphql-core must run the query."""
        run = Run(context, variables, given)
        data = dict(self.fixed)
        if len(self.fields) == 1:
            await self.fields[0].fill(run, [None], [data])
        else:
            await _together([each.fill(run, [None], [data]) for each in self.fields])
        return data


async def _together(works: list[Any]) -> None:
    """Runs them at once; when one raises, the others are ended before it goes on."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
