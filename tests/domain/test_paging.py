"""Cursors: what is signed cannot be changed, and nothing else is one."""

import string
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.domain.errors import BadUserInputError
from app.domain.paging import Cursors, Key, Order

ORDER = Order("things", (Key("t.name", "text"), Key("t.at", "timestamptz"), Key("t.count", "int"), Key("t.id", "uuid")))
VALUES: tuple[Any, ...] = ("Zoë \0 \U0001f469", datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC), -5, UUID(int=7))
CURSORS = Cursors(b"secret")


def written(cursors: Cursors = CURSORS, order: Order = ORDER) -> str:
    row: Any = {f"key_{index}": value for index, value in enumerate(VALUES)}
    return cursors.write(order, row)


def refused(cursor: str, cursors: Cursors = CURSORS, order: Order = ORDER) -> bool:
    try:
        cursors.read(order, cursor, "after")
    except BadUserInputError as error:
        return "`after`" in str(error)
    return False


def test_a_cursor_holds_the_place_of_its_row() -> None:
    assert CURSORS.read(ORDER, written(), "after") == VALUES
    assert CURSORS.read(ORDER, None, "after") is None


def test_a_cursor_goes_into_an_address_as_it_is() -> None:
    assert set(written()) <= set(string.ascii_letters + string.digits + "-_")


@pytest.mark.parametrize("index", range(len(written())))
def test_no_character_of_a_cursor_can_be_another(index: int) -> None:
    cursor = written()
    others = [*string.ascii_letters, *string.digits, *"-_+/=. \0é\ud800"]
    assert [
        other
        for other in others
        if other != cursor[index] and not refused(cursor[:index] + other + cursor[index + 1 :])
    ] == []


def test_a_cursor_is_whole_and_nothing_more() -> None:
    cursor = written()
    assert all(refused(cursor[:length]) for length in range(len(cursor)))
    assert all(refused(cursor[length:]) for length in range(1, len(cursor)))
    assert all(refused(cursor + more) for more in ("=", "==", "A", "AA", "AAA", "AAAA", " ", "\n", "\0"))


def test_a_cursor_is_of_one_account_one_list_and_one_direction() -> None:
    cursor = written()
    assert refused(cursor, Cursors(b"another secret"))
    assert refused(cursor, order=Order("other things", ORDER.keys))
    assert refused(cursor, order=Order(ORDER.name, ORDER.keys, descending=True))
    assert not refused(cursor, Cursors(b"secret"), Order(ORDER.name, ORDER.keys))


def test_a_cursor_from_before_the_keys_changed_is_refused() -> None:
    cursor = written()
    assert refused(cursor, order=Order(ORDER.name, ORDER.keys[:2]))
    assert refused(cursor, order=Order(ORDER.name, (*ORDER.keys, Key("t.more", "int"))))
    assert refused(cursor, order=Order(ORDER.name, tuple(reversed(ORDER.keys))))


@pytest.mark.parametrize("cursor", ["", "0", "null", str(UUID(int=7)), "=" * 8, "A" * 100_000, "é", "\ud800", "-1"])
def test_anything_else_is_no_cursor(cursor: str) -> None:
    assert refused(cursor)
