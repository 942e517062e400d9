"""The values of a statement that is put together from pieces."""

from functools import lru_cache
from typing import Any
from uuid import UUID


class Parameters:
    """Collects values and hands out their places. $1 is always the account, so that no piece can forget it."""

    def __init__(self, account_id: UUID) -> None:
        self.values: list[Any] = [account_id]

    def __call__(self, value: Any) -> str:
        """The place of a value, as in $4."""
        self.values.append(value)
        return f"${len(self.values)}"

    def when_used(self, value: Any) -> "Place":
        """The place of a value that the statement may turn out not to need: PostgreSQL refuses values for nothing."""
        return Place(self, value)


class Place:
    """A place that is taken when it is first written into a statement."""

    def __init__(self, p: Parameters, value: Any) -> None:
        self._p = p
        self._value = value
        self._written: str | None = None

    def __str__(self) -> str:
        if self._written is None:
            self._written = self._p(self._value)
        return self._written


ONE_BY_ONE = "OFFSET 0"
"""At the end of an EXISTS keeps PostgreSQL from making a join or a table of all who meet it."""

Wanted = frozenset[str] | None
"""The names of the columns that are needed; None for all."""


MOST_CHOICES = 500
"""Selections of columns that are kept to be used again."""


@lru_cache(MOST_CHOICES)
def chosen(columns: tuple[str, ...], wanted: Wanted) -> str:
    """These columns, less those that are not needed. A column is named by its last word; the first is always there."""
    first, *others = columns
    return ", ".join([first, *(each for each in others if wanted is None or _name(each) in wanted)])


def _name(column: str) -> str:
    return column.rpartition(" ")[2].rpartition(".")[2]
