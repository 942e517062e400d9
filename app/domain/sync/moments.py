"""Which moments another system may say, and in which order."""

from datetime import datetime
from typing import Any

from app.domain.candidates import InvalidValueError

YEARS = range(1900, 2200)


def plausible(value: datetime | None, field: str) -> datetime | None:
    """The same moment. Raises InvalidValueError for one of another age."""
    if value is not None and value.year not in YEARS:
        raise InvalidValueError(field, f"is in the year {value.year}, not between {YEARS[0]} and {YEARS[-1]}")
    return value


def demand_order(earlier: Any, later: Any, field: str, problem: str) -> None:
    """Raises InvalidValueError for the field when both moments are known and in the wrong order."""
    if isinstance(earlier, datetime) and isinstance(later, datetime) and later < earlier:
        raise InvalidValueError(field, problem)
