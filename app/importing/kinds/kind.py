"""What the kinds of file have in common."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.candidates import LONGEST_EXTERNAL_ID, required_text, text
from app.domain.sync.items import ABSENT, Absent, Outcome, given
from app.importing.headers import Columns, Field, Shape
from app.importing.records import Record
from app.importing.values import moment

CANDIDATE_IDS = ("candidate id", "candidate external id", "kandidaat id", "kandidaatnummer", "kandidaten id",
                 "kandidatennummer", "bewerber id", "bewerbernummer", "id candidat", "numero candidat")  # fmt: skip


@dataclass(slots=True)
class Row:
    """A row that can be kept, with what identifies it among all rows of its kind."""

    record: Record
    key: tuple[Any, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that cannot be kept."""

    record: Record
    reason: str


Parse = Callable[[Record], Row]
"""Reads a record. Raises InvalidValueError."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. Keys that occur again further on in a file are superseded; `write` gets each key once."""

    shape: Shape
    key: tuple[str, ...]
    """The fields that identify a row."""
    parser: Callable[[Columns, str | None], Parse]
    """Makes the reader of a file's rows, from where its columns are and the region of national phone numbers."""
    write: Callable[[Transaction, Account, Sequence[Row]], Awaitable[Outcome[Row]]]
    """Writes rows in a transaction of the account."""


class Cells:
    """The cells of a record by the names of fields. A field without a column is ABSENT."""

    def __init__(self, columns: Columns) -> None:
        self._places = columns.places
        self._cells: Sequence[Any] = ()

    def read(self, record: Record) -> "Cells":
        self._cells = record.cells
        return self

    def __getitem__(self, name: str) -> Any:
        place = self._places.get(name)
        return ABSENT if place is None else self._cells[place]

    def id(self, name: str) -> str:
        """An id of the other system, which must be there."""
        return required_text(given(self[name]), name, LONGEST_EXTERNAL_ID)

    def text(self, name: str, longest: int) -> str | Absent | None:
        cell = self[name]
        return ABSENT if cell is ABSENT else text(cell, name, longest)

    def moment(self, name: str) -> datetime | Absent | None:
        cell = self[name]
        return ABSENT if cell is ABSENT else moment(cell, name)


def external_id_field(*synonyms: str) -> Field:
    return Field("externalId", synonyms, required=True)
