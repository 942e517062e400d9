"""Rows that come again further on in the same file: the last one counts.

A file is read twice. The first time, only hashes of keys are kept, so that a file of any length takes the same memory,
and for keys that come again the place of their last row. The second time, the earlier rows of such keys wait for it.
"""

from collections.abc import Callable, Iterable, Iterator

from app.domain.candidates import InvalidValueError
from app.importing.headers import Columns
from app.importing.kinds.kind import Failure, Parse, Row
from app.importing.records import Record

BITS = 1 << 27
"""16 MB. Keys that share a bit are only taken for repeated ones, which costs a little time."""


class Repeats:
    """Where in the file each repeated key comes last."""

    def __init__(self) -> None:
        self._seen = bytearray(BITS // 8)
        self._last: dict[int, int] = {}

    def note(self, key: int, place: int) -> None:
        """Notes the hash of a key at this place, which is behind all noted before."""
        byte, bit = (key & (BITS - 1)) >> 3, 1 << (key & 7)
        if self._seen[byte] & bit:
            self._last[key] = place
        else:
            self._seen[byte] |= bit

    def last(self, key: int) -> int | None:
        """The last place of a repeated key; None for one that comes once, or for its first place when it does."""
        return self._last.get(key)


def key_hash(columns: Columns, key: Iterable[str]) -> Callable[[Record], int]:
    """Hashes what identifies a record, such that keys that are the same have the same hash."""
    places = [columns.places[name] for name in key if name in columns.places]
    if len(places) == 1:
        [place] = places
        return lambda record: hash(_folded(record.cells[place]))
    return lambda record: hash(tuple(_folded(record.cells[place]) for place in places))


def _folded(cell: object) -> object:
    return cell.strip().casefold() if isinstance(cell, str) else None if isinstance(cell, list | dict) else cell


def find_repeats(records: Iterable[Record], hash_of: Callable[[Record], int]) -> Repeats:
    """Reads all records for the keys that come again."""
    repeats = Repeats()
    for place, record in enumerate(records):
        if not record.problem:
            repeats.note(hash_of(record), place)
    return repeats


def settle(
    records: Iterable[Record], parse: Parse, repeats: Repeats, hash_of: Callable[[Record], int]
) -> Iterator[Row | Failure | None]:
    """The rows to keep, the failures, and None for each row that a later one supersedes.

    The last good row of a key counts: a bad one does not supersede a good one.
    """
    waiting: dict[tuple[object, ...], Row] = {}
    for place, record in enumerate(records):
        if record.problem:
            yield Failure(record, record.problem)
            continue
        last = repeats.last(hash_of(record))
        try:
            row = parse(record)
        except InvalidValueError as error:
            yield Failure(record, str(error))
            continue
        if last is None:
            yield row
            continue
        if waiting.pop(row.key, None) is not None:
            yield None
        if place < last:
            waiting[row.key] = row
        else:
            yield row
    yield from waiting.values()
