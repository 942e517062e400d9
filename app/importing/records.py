"""The rows of a file, each with the line it begins on."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from app.importing.encoding import encoding_of


@dataclass(slots=True)
class Record:
    """A row as it stands in the file."""

    line: int
    """Where it begins; the first line of the file is 1."""
    cells: Sequence[Any]
    """In the order of the header: text, or for NDJSON any JSON value or ABSENT."""
    problem: str | None = None
    """Why it cannot be read."""


class Table(Protocol):
    """A file of rows that can be read again and again."""

    @property
    def header(self) -> tuple[str, ...]: ...

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def position(self) -> int:
        """Bytes read so far by the last reader."""

    def records(self) -> Iterator[Record]: ...


class Text:
    """A text file, and how far it has been read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.encoding, self._errors = encoding_of(path)
        self._bytes: io.BufferedReader | None = None

    @property
    def position(self) -> int:
        """Bytes read so far by the last reader."""
        return self.size if self._bytes is None or self._bytes.closed else self._bytes.tell()

    @contextmanager
    def lines(self) -> Iterator[Iterator[str]]:
        with (
            self.path.open("rb") as self._bytes,
            io.TextIOWrapper(self._bytes, self.encoding, self._errors, newline="") as text,
        ):
            yield text
