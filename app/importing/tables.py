"""Opens a file of rows, whatever it is."""

from collections.abc import Callable, Sequence
from pathlib import Path

from app.importing.errors import UnknownFormatError
from app.importing.ndjson import Ndjson
from app.importing.records import Table, Text
from app.importing.separated import Csv

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
NDJSON_SUFFIXES = (".ndjson", ".jsonl")


def open_table(path: Path, recognised: Callable[[Sequence[str]], int]) -> Table:
    """The table in a file. `recognised` counts the known names in a header. Raises UnusableFileError and OSError."""
    suffix = path.suffix.lower()
    if suffix in NDJSON_SUFFIXES:
        return Ndjson(Text(path))
    if suffix not in CSV_SUFFIXES:
        raise UnknownFormatError(suffix=suffix or "nothing")
    return Csv(Text(path), recognised)
