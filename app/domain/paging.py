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
    """What rows are sorted by; the last key is unique. All keys run the same way, so that rows compare as a whole."""

    name: str
    keys: tuple[Key, ...]
    descending: bool = False

    @cached_property
    def columns(self) -> str:
        """The keys, for a SELECT: a cursor is made of them."""
        return ", ".join(f"{key.expression} AS key_{index}" for index, key in enumerate(self.keys))

    @cached_property
    def expressions(self) -> list[str]:
        """The keys that are no columns, for a SELECT."""
        return [f"{key.expression} AS key_{index}" for index, key in enumerate(self.keys) if not key.is_column]

    def names(self, alias: str) -> list[str]:
        """The keys of rows that were selected with all their columns and `expressions`, by the alias that they had.

        A column keeps its name: under another PostgreSQL takes rows that are joined by it for rows out of order.
        """
        return [key.expression if key.is_column else f"{alias}.key_{index}" for index, key in enumerate(self.keys)]


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of an order are wanted: so many from one end, between two places."""

    size: int
    backward: bool = False
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None

    def condition(self, order: Order, p: Parameters) -> str:
        parts = []
        for place, beyond in ((self.after, not order.descending), (self.before, order.descending)):
            if place is not None:
                expressions = ", ".join(key.expression for key in order.keys)
                values = ", ".join(f"{p(value)}::{key.type}" for key, value in zip(order.keys, place, strict=True))
                parts.append(f"({expressions}) {'>' if beyond else '<'} ({values})")
        return " AND ".join(parts) or "true"

    def order_by(self, order: Order) -> str:
        return ", ".join(f"{key.expression} {self._direction(order)}" for key in order.keys)

    def order_by_keys(self, order: Order, alias: str) -> str:
        """The same, for rows that were selected with the order's `columns`."""
        return self.order_by_names(order, [f"{alias}.key_{index}" for index in range(len(order.keys))])

    def order_by_names(self, order: Order, names: Sequence[str]) -> str:
        direction = self._direction(order)
        return ", ".join(f"{name} {direction}" for name in names)

    def _direction(self, order: Order) -> str:
        return "DESC" if order.descending != self.backward else "ASC"

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


@dataclass(frozen=True, slots=True)
class PageArguments:
    """What a client asked of a connection."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def window(self, order: Order, cursors: Cursors, default: int, most: int) -> Window:
        """Raises BadUserInputError for sizes out of bounds, both sizes at once, or a foreign cursor."""
        if self.first is not None and self.last is not None:
            raise BadUserInputError("Give `first` or `last`, not both.")
        for argument, size in (("first", self.first), ("last", self.last)):
            if size is not None and not 1 <= size <= most:
                raise BadUserInputError(f"`{argument}` is from 1 to {most}, not {size}.")
        backward = self.last is not None
        size = self.last if self.last is not None else self.first if self.first is not None else min(default, most)
        return Window(
            size, backward, cursors.read(order, self.after, "after"), cursors.read(order, self.before, "before")
        )


class Page:
    """Rows of one window, in order, and what lies beyond them."""

    __slots__ = ("_count", "_cursors", "_more", "_order", "_window", "rows")

    def __init__(
        self, found: list[Record], window: Window, order: Order, cursors: Cursors, count: Callable[[], Awaitable[int]]
    ) -> None:
        """What was found is one row too many when there are more, and backwards when the window is."""
        self._window = window
        self._order = order
        self._cursors = cursors
        self._count = count
        self._more = len(found) > window.size
        if self._more:
            del found[window.size :]
        if window.backward:
            found.reverse()
        self.rows = found

    @property
    def has_next_page(self) -> bool:
        return self._window.before is not None if self._window.backward else self._more

    @property
    def has_previous_page(self) -> bool:
        return self._more if self._window.backward else self._window.after is not None

    def cursor(self, row: Record) -> str:
        """Marks the row's place. The rows must have been read with the keys of their order."""
        return self._cursors.write(self._order, row)

    async def count(self) -> int:
        """Counts all rows of the connection, not only this page's."""
        return await self._count()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else value.isoformat() if isinstance(value, datetime) else str(value)
