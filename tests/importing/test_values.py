"""Cells mean what people mean by them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.candidates import InvalidValueError
from app.importing.values import moment, several, yes_or_no


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-31", datetime(2026, 5, 31, tzinfo=UTC)),
        (" 2026-05-31T12:30:00Z ", datetime(2026, 5, 31, 12, 30, tzinfo=UTC)),
        ("2026-05-31 12:30:00+02:00", datetime(2026, 5, 31, 12, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("2026-05-31T12:30:00.123456Z", datetime(2026, 5, 31, 12, 30, 0, 123456, UTC)),
        ("31-05-2026", datetime(2026, 5, 31, tzinfo=UTC)),
        ("1/2/2026", datetime(2026, 2, 1, tzinfo=UTC)),
        ("31.05.2026 08:05", datetime(2026, 5, 31, 8, 5, tzinfo=UTC)),
    ],
)
def test_dates_are_iso_or_day_first(text: str, expected: datetime) -> None:
    assert moment(text, "date") == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "31/31/2026", "45321", "05-31-26", "0001-01-01", "9999-12-31", "2026-05-31T99"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="date is not a date"):
        moment(text, "date")


def test_an_empty_cell_is_no_date() -> None:
    assert moment("  ", "date") is None


@pytest.mark.parametrize(
    ("text", "expected"), [("Ja", True), ("x", True), ("1", True), ("NEIN", False), ("", None), (True, True)]
)
def test_yes_and_no_are_known_in_several_languages(text: object, expected: bool | None) -> None:
    assert yes_or_no(text, "flag") is expected


def test_what_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="neither yes nor no"):
        yes_or_no("maybe", "flag")


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("C#|C, C++|a;b", ["C#", "C, C++", "a;b"]),
        ("a;b, c", ["a", "b, c"]),
        ("a,b", ["a", "b"]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_several_skills_fit_in_one_cell(cell: object, parts: list[str]) -> None:
    assert several(cell) == parts
