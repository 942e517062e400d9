"""Rows of values separated by commas and the like, as spreadsheets and other systems write them."""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from app.importing.errors import EmptyFileError
from app.importing.records import Record, Text

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_LINES = 100


class Lines:
    """Lines that can be taken back, so that a record which turns out to be broken costs its first line only."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        self.taken.append(line)
        return line

    def take_back(self) -> str:
        """Takes back all lines of the last record but the first, which it returns."""
        first, *rest = self.taken
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        self.taken.clear()
        return first


class Csv:
    """Values separated by commas, semicolons, tabs or bars."""

    def __init__(self, text: Text, recognised: Callable[[Sequence[str]], int]) -> None:
        self._text = text
        self._delimiter, self._skip_spaces, self._header_line, self.header = _sniff(text, recognised)

    @property
    def size(self) -> int:
        return self._text.size

    @property
    def position(self) -> int:
        return self._text.position

    def records(self) -> Iterator[Record]:
        """The rows after the header, without blank ones."""
        width = len(self.header)
        with self._text.lines() as lines:
            for record in _rows(lines, self._delimiter, self._skip_spaces):
                if record.line > self._header_line and not _is_blank(record.cells):
                    yield record if record.problem or len(record.cells) == width else _of_width(record, width)


def _of_width(record: Record, width: int) -> Record:
    count = len(record.cells)
    if count > width and _is_blank(record.cells[width:]):
        return Record(record.line, record.cells[:width])
    return Record(record.line, record.cells, f"The row has {count} cells, the header {width}.")


def _is_blank(cells: Sequence[Any]) -> bool:
    return not any(map(str.strip, cells))


def _rows(lines: Iterator[str], delimiter: str, skip_spaces: bool) -> Iterator[Record]:
    source = Lines(lines)
    reader = _reader(source, delimiter, skip_spaces)
    while True:
        source.taken.clear()
        line = source.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(line, [source.take_back().rstrip("\r\n")], _explain(error))
            reader = _reader(source, delimiter, skip_spaces)
            continue
        if line == 1 and _separator(cells, delimiter):
            continue
        yield Record(line, cells)


def _reader(source: Lines, delimiter: str, skip_spaces: bool) -> Iterator[list[str]]:
    return csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=skip_spaces)


def _explain(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"A cell has more than {csv.field_size_limit():,} characters, or a quote is never closed."
    return "A quote is opened and not closed, or closed in the middle of a cell."


def _separator(cells: Sequence[str], delimiter: str) -> bool:
    """Whether this is the line with which Excel says what separates cells."""
    return delimiter.join(cells).lower() == f"sep={delimiter}"


def _sniff(text: Text, recognised: Callable[[Sequence[str]], int]) -> tuple[str, bool, int, tuple[str, ...]]:
    """The delimiter, whether spaces follow it, the line of the header and the header: whichever makes most names that
    are known, or else most names."""
    best: tuple[tuple[int, int], str, bool, int, tuple[str, ...]] | None = None
    for delimiter in DELIMITERS:
        with text.lines() as lines:
            head = list(islice(lines, SNIFFED_LINES))
        rows = (record for record in _rows(iter(head), delimiter, True) if not record.problem)
        header = next((record for record in rows if not _is_blank(record.cells)), None)
        if header is not None:
            names = tuple(cell.strip().encode(errors="replace").decode() for cell in header.cells)
            spaced = 0 < head[header.line - 1].count(f"{delimiter} ") == len(names) - 1
            score = recognised(names), len(names)
            if best is None or score > best[0]:
                best = score, delimiter, spaced, header.line, names
    if best is None:
        raise EmptyFileError
    return best[1:]
