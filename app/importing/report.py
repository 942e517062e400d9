"""What an import says: how much was kept, which rows were not and why."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from app.domain.sync.items import ABSENT, Outcome
from app.importing.headers import OWN_COLUMNS
from app.importing.kinds.kind import Failure, Row

SHOWN_FAILURES = 20


@dataclass(slots=True)
class Summary:
    """What became of the rows of a file."""

    kind: str
    ignored_columns: tuple[str, ...] = ()
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    """Rows that another one with the same key came after."""
    failed: int = 0
    first_failures: list[Failure] = field(default_factory=list)

    def add(self, outcome: Outcome[Row]) -> None:
        self.created += outcome.created
        self.updated += outcome.updated
        self.unchanged += outcome.unchanged

    def fail(self, failures: Sequence[Failure]) -> None:
        self.failed += len(failures)
        self.first_failures.extend(failures[: max(0, SHOWN_FAILURES - len(self.first_failures))])

    def lines(self, seconds: float, errors: Path | None) -> Iterable[str]:
        """The summary in words."""
        if not errors:
            for failure in self.first_failures:
                yield f"line {failure.record.line}: {failure.reason}"
            if self.failed > len(self.first_failures):
                yield f"... and {self.failed - len(self.first_failures):,} more: --errors FILE writes them all down."
        counts = f"{self.created:,} created, {self.updated:,} updated, {self.unchanged:,} unchanged"
        superseded = f", {self.superseded:,} superseded by later rows" if self.superseded else ""
        yield f"{self.kind}: {counts}{superseded}, {self.failed:,} failed, after {seconds:.0f} seconds."
        if errors and self.failed:
            yield f"The failed rows are in {errors}. Correct them there and import that file."


class ErrorFile:
    """A CSV file of the rows that failed: reason and line first, then their columns as they were."""

    def __init__(self, path: Path | None, header: Sequence[str]) -> None:
        self._path = path
        self._header = header
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
            csv.writer(self._file).writerow([*OWN_COLUMNS, *self._header])
        return self

    def write(self, failures: Iterable[Failure]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerows(
                [failure.record.line, failure.reason, *map(_cell, failure.record.cells)] for failure in failures
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _cell(value: Any) -> Any:
    if value is ABSENT or value is None:
        return ""
    return "|".join(map(str, value)) if isinstance(value, list) else value
