"""Keyset pages in both directions, and the signed cursors that mark places in them.

A cursor holds the sort keys of its row, so a page starts where the last one ended whatever was added or removed
meanwhile. It is signed with the account's secret and the name of its order: one that was made up, or comes from
another account or another list, is refused.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Record

from app.domain.errors import BadUserInputError
from app.domain.sql import Parameters
from app.models import Channel

VERSION = b"1"
SIGNATURE_BYTES = 12

DECODE: dict[str, Callable[[Any], Any]] = {
    "uuid": UUID,
    "timestamptz": datetime.fromisoformat,
    "text": str,
    "int": int,
    "channel": Channel,
}


@dataclass(frozen=True)
class Key:
    """One thing that rows are sorted by: an SQL expression and its type."""

    expression: str
    type: str

    @cached_property
    def is_column(self) -> bool:
        return self.expression.replace(".", "", 1).isidentifier()


@dataclass(frozen=True)
class Order:
    """What rows are sorted by; the last key is unique. All keys run the same way, so that rows compare as a whole.

    What it says in SQL is put together once: most orders are constants.
    """

    name: str
    keys: tuple[Key, ...]
    descending: bool = False

    @cached_property
    def columns(self) -> str:
        """The keys, for a SELECT: a cursor is made of them."""
        return _selected([key.expression for key in self.keys])

    @cached_property
    def more_columns(self) -> str:
        """The keys that are no columns, to follow the columns in a SELECT."""
        others = [f", {key.expression} AS key_{index}" for index, key in enumerate(self.keys) if not key.is_column]
        return "".join(others)

    @cached_property
    def sorted(self) -> "Sorted":
        return _sorted([key.expression for key in self.keys], self.descending)

    def named(self, alias: str) -> "Named":
        """The keys of rows that were selected with all their columns and `more_columns`, by the alias that they had.

        A column keeps its name: under another PostgreSQL takes rows that are joined by it for rows out of order.
        """
        if alias not in self._named:
            names = [key.expression if key.is_column else f"{alias}.key_{index}" for index, key in enumerate(self.keys)]
            self._named[alias] = Named(_selected(names), _sorted(names, self.descending))
        return self._named[alias]

    def listed(self, alias: str) -> "Sorted":
        """The same of rows that were selected with the order's `columns`."""
        return _sorted([f"{alias}.key_{index}" for index in range(len(self.keys))], self.descending)

    @cached_property
    def _named(self) -> dict[str, "Named"]:
        return {}


@dataclass(frozen=True, slots=True)
class Sorted:
    """What an ORDER BY says: from the start, and from the end."""

    forward: str
    backward: str


@dataclass(frozen=True, slots=True)
class Named:
    """The keys of an order, by the names that they have in a subquery: for a SELECT, and for an ORDER BY."""

    columns: str
    sorted: Sorted


@dataclass(slots=True)
class Window:
    """Which rows of an order are wanted: so many from one end, between two places."""

    size: int
    backward: bool = False
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None

    def condition(self, order: Order, p: Parameters) -> str:
        if self.after is None and self.before is None:
            return "true"
        parts = []
        for place, beyond in ((self.after, not order.descending), (self.before, order.descending)):
            if place is not None:
                expressions = ", ".join(key.expression for key in order.keys)
                values = ", ".join(f"{p(value)}::{key.type}" for key, value in zip(order.keys, place, strict=True))
                parts.append(f"({expressions}) {'>' if beyond else '<'} ({values})")
        return " AND ".join(parts)

    def order_by(self, sorted: Sorted) -> str:
        return sorted.backward if self.backward else sorted.forward

    @property
    def limit(self) -> int:
        """One more than wanted, to see whether there are more."""
        return self.size + 1


class Cursors:
    """Makes and reads the cursors of one account's connections."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, order: Order, row: Record) -> str:
        values = [_plain(row[f"key_{index}"]) for index in range(len(order.keys))]
        written = orjson.dumps(values)
        return _text(VERSION + self._sign(order, written) + written)

    def read(self, order: Order, cursor: str | None, argument: str) -> tuple[Any, ...] | None:
        """The place that a cursor marks. Raises BadUserInputError for one that this connection did not make."""
        if cursor is None:
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            version, signature = raw[:1], raw[1 : 1 + SIGNATURE_BYTES]
            written = raw[1 + SIGNATURE_BYTES :]
            if (
                _text(raw) != cursor
                or version != VERSION
                or not hmac.compare_digest(signature, self._sign(order, written))
            ):
                raise ValueError
            values = orjson.loads(written)
            return tuple(DECODE[key.type](value) for key, value in zip(order.keys, values, strict=True))
        except (ValueError, TypeError):
            raise BadUserInputError(f"`{argument}` is not a cursor of this connection in this order.") from None

    def _sign(self, order: Order, written: bytes) -> bytes:
        scope = f"{order.name}/{order.descending}/".encode()
        return hmac.digest(self._secret, scope + written, "sha256")[:SIGNATURE_BYTES]


@dataclass(slots=True)
class PageArguments:
    """What a client asked of a connection."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def window(self, order: Order, cursors: Cursors, default: int, most: int) -> Window:
        """Raises BadUserInputError for sizes out of bounds, both sizes at once, or a foreign cursor."""
        backward = self.last is not None
        if backward and self.first is not None:
            raise BadUserInputError("Give `first` or `last`, not both.")
        size = self.last if backward else self.first
        if size is None:
            size = min(default, most)
        elif not 1 <= size <= most:
            raise BadUserInputError(f"`{'last' if backward else 'first'}` is from 1 to {most}, not {size}.")
        after = None if self.after is None else cursors.read(order, self.after, "after")
        before = None if self.before is None else cursors.read(order, self.before, "before")
        return Window(size, backward, after, before)


@dataclass(slots=True)
class Read:
    """What the pages that one statement read have in common."""

    window: Window
    order: Order
    cursors: Cursors
    count: Callable[[UUID | None], Awaitable[int]]
    """How many rows the list of a parent has, or the list that has none."""


class Page:
    """Rows of one window, in order, and what lies beyond them."""

    __slots__ = ("_more", "_parent", "_read", "rows")

    def __init__(self, found: list[Record], read: Read, parent: UUID | None = None) -> None:
        """What was found is one row too many when there are more, and backwards when the window is."""
        window = read.window
        self._read = read
        self._parent = parent
        self._more = len(found) > window.size
        if self._more:
            del found[window.size :]
        if window.backward:
            found.reverse()
        self.rows = found

    @property
    def has_next_page(self) -> bool:
        window = self._read.window
        return window.before is not None if window.backward else self._more

    @property
    def has_previous_page(self) -> bool:
        window = self._read.window
        return self._more if window.backward else window.after is not None

    def cursor(self, row: Record) -> str:
        """Marks the row's place. The rows must have been read with the keys of their order."""
        return self._read.cursors.write(self._read.order, row)

    async def count(self) -> int:
        """Counts all rows of the connection, not only this page's."""
        return await self._read.count(self._parent)


def _selected(names: Sequence[str]) -> str:
    return ", ".join([f"{name} AS key_{index}" for index, name in enumerate(names)])


def _sorted(names: Sequence[str], descending: bool) -> Sorted:
    ascends, descends = (", ".join([f"{name} {word}" for name in names]) for word in ("ASC", "DESC"))
    return Sorted(descends, ascends) if descending else Sorted(ascends, descends)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else value.isoformat() if isinstance(value, datetime) else str(value)
