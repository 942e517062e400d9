"""What the cells of a file mean: moments, yes and no, several skills in one cell."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.domain.candidates import InvalidValueError, text
from app.domain.sync.moments import YEARS

LONGEST_MOMENT = 40
DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")

SEPARATORS = ("|", ";", "\n")
"""What separates skills in one cell, the surest first."""

YES = frozenset(("true", "t", "1", "yes", "y", "ja", "j", "oui", "o", "wahr", "vrai", "waar", "x"))
NO = frozenset(("false", "f", "0", "no", "n", "nee", "nein", "non", "falsch", "faux", "onwaar"))


def moment(value: Any, field: str) -> datetime | None:
    """ISO 8601, or day, month and year in this order; in UTC when nothing else is said. None for an empty cell.

    Raises InvalidValueError.
    """
    found = text(value, field, LONGEST_MOMENT)
    if found is None:
        return None
    read = _read(found)
    if read is None or read.year not in YEARS:
        raise InvalidValueError(field, "is not a date like 2026-05-31, 2026-05-31T12:00:00Z or 31-05-2026")
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _read(value: str) -> datetime | None:
    try:
        if value[4:5] == "-":
            return datetime.fromisoformat(value)
        match = DAY_FIRST.fullmatch(value)
        if match is None:
            return None
        day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def yes_or_no(value: Any, field: str) -> bool | None:
    """Yes and no as systems and people write them. Raises InvalidValueError."""
    if isinstance(value, bool):
        return value
    found = text(value, field, LONGEST_MOMENT)
    if found is None:
        return None
    word = found.casefold()
    if word in YES:
        return True
    if word in NO:
        return False
    raise InvalidValueError(field, "is neither yes nor no")


def several(value: Any) -> Sequence[Any] | None:
    """The parts of one cell: separated by bars, else by semicolons, line breaks or commas."""
    if not isinstance(value, str):
        return value if value is None or isinstance(value, list) else [value]
    return value.split(next((separator for separator in SEPARATORS if separator in value), ","))
