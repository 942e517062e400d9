"""Nested fields that are resolved for all their parents at once.

A batch function takes the keys of all parents on a level and returns a mapping from each to its value, with a
constant number of statements: `async (context, keys, **arguments) -> Mapping`. `batch_field` makes a field of it.
Under graphql-core the parents of a level ask one by one and a DataLoader gathers them.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import strawberry
from aiodataloader import DataLoader
from strawberry.types import Info

COLUMNS = "columns"

BatchFunction = Callable[..., Awaitable[Mapping[Any, Any]]]


class Holder(Protocol):
    """What the context of an operation must have: places for its loaders and tasks, which live as long as it does."""

    loaders: dict[Any, DataLoader[Any, Any]]
    tasks: "set[asyncio.Task[Any]]"


Path = tuple[str | int, ...]
"""Where a value lies in its row: `row[path[0]][path[1]]`, and so on."""


def part_field(*path: str | int, description: str) -> Any:
    """A field that is a part of its row, found by subscripts alone. Its type is the annotation of the attribute."""

    def resolve(self: Any) -> Any:
        return at(self, path)

    field = strawberry.field(resolver=resolve, description=description)
    reads = tuple(step for step in path if isinstance(step, str))
    field.metadata = {**field.metadata, "part": path, "reads": reads}
    return field


def at(row: Any, path: Path) -> Any:
    for step in path:
        row = row[step]
    return row


def batch_field(function: BatchFunction, *, key: str | Path = "id", description: str) -> Any:
    """A field whose values come from one call of the batch function for all parents.

    `key` names the parent's value that identifies it, or is the path to it. The field's arguments are the function's,
    after `context` and `keys`. A key that the function leaves out has the value null.

    A parameter `columns` is no argument of the field: a plan says by it what is read of the values, by the names of
    their types, so that the function need not find the rest. It is None when that is not known.
    """
    key_of = _item(key) if isinstance(key, str) else partial(at, path=key)
    parameters = [each for each in list(inspect.signature(function).parameters.values())[2:] if each.name != COLUMNS]

    async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        return await load(info, function, key_of(root), **arguments)

    resolve.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("root", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters),
        ]
    )
    resolve.__annotations__ = {"info": Info, **{each.name: each.annotation for each in parameters}}
    resolve.__module__ = function.__module__
    field = strawberry.field(resolver=resolve, description=description)
    reads = (key,) if isinstance(key, str) else tuple(step for step in key if isinstance(step, str))
    field.metadata = {**field.metadata, "batch": function, "key": key, "reads": reads}
    return field


async def load(info: Info, function: BatchFunction, key: Any, **arguments: Any) -> Any:
    """The value of one key, asked for together with all others that this field is asked for on this level."""
    if key is None:
        return None
    context: Holder = info.context
    if not isinstance(info, Info):
        # A plan asks once for a level: there is nothing to gather.
        return (await function(context, [key], **arguments)).get(key)
    # The same field of the document has the same arguments for every parent.
    place = (function, id(info._raw_info.field_nodes[0]))
    loader = context.loaders.get(place)
    if loader is None:

        async def call(keys: Sequence[Any]) -> list[Any]:
            task = asyncio.current_task()
            assert task is not None
            context.tasks.add(task)
            try:
                values = await function(context, keys, **arguments)
            finally:
                context.tasks.discard(task)
            return [values.get(each) for each in keys]

        loader = context.loaders[place] = DataLoader(call)
    # Shielded, because graphql-core cancels what hangs on a failed field, and others may wait for the same key.
    return await asyncio.shield(loader.load(key))


def _item(name: str) -> Callable[[Any], Any]:
    return lambda root: value_of(root, name)


def value_of(source: Any, name: str) -> Any:
    """The default resolver: rows are read by key, everything else by attribute."""
    try:
        return source[name]
    except (TypeError, KeyError):
        return getattr(source, name)
