"""How operations are shown: as a table, as bars on a terminal, as lines elsewhere, as JSON to scripts."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import click
import orjson
from asyncpg import Record
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from app.models import MembershipOperationStatus

UNFINISHED = (MembershipOperationStatus.QUEUED, MembershipOperationStatus.RUNNING)

WIDTH_OF_A_FILE = 250
"""Columns of a table that is not printed on a terminal, so that nothing in it is broken."""

STEPS = 10
"""Lines that are printed at most of one operation under way, where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An operation and the name of its account."""

    account: str
    row: Record

    @property
    def id(self) -> UUID:
        id: UUID = self.row["id"]
        return id

    @property
    def status(self) -> MembershipOperationStatus:
        return MembershipOperationStatus(self.row["status"])

    @property
    def finished(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def segment(self) -> str:
        name: str | None = self.row["segment_name"]
        return name or "(deleted)"

    @property
    def title(self) -> str:
        return f"{self.account}: {self.row['kind']} {self.segment}"

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        matched: int = self.row["matched_count"]
        return min(1.0, self.row["processed_count"] / matched) if matched else float(self.finished)

    @property
    def left_out(self) -> int:
        left_out: int = self.row["ineligible_count"] + self.row["over_quota_count"]
        return left_out

    def summary(self) -> str:
        """What came of it, in a line."""
        row = self.row
        counts = (
            (row["added_count"], "added"),
            (row["removed_count"], "removed"),
            (row["already_member_count"], "in it before"),
            (row["ineligible_count"], "not eligible"),
            (row["over_quota_count"], "without room"),
        )
        told = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "nobody to change"
        failure = f" {row['failure']}" if row["failure"] else ""
        return f"{self.title}: {self.status}: {told}.{failure}"

    def json(self) -> str:
        """The operation as the graph names its fields."""
        names = {"segment_name": "segment"}
        fields = {_camel(names.get(name, name)): value for name, value in self.row.items()}
        return orjson.dumps({"account": self.account, **fields}, default=str).decode()


Update = Callable[[Iterable[Shown]], None]
"""Told how operations are now."""


def table(operations: Iterable[Shown]) -> None:
    """Prints one row for each operation."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_A_FILE)
    found = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Account", "Segment", "Kind", "Status"):
        found.add_column(heading)
    for heading in ("Done", "Matched", "Added", "Removed", "Left out"):
        found.add_column(heading, justify="right")
    for heading in ("Requested by", "Requested at", "Id"):
        found.add_column(heading, overflow="fold")
    for each in operations:
        counts = (each.row["matched_count"], each.row["added_count"], each.row["removed_count"], each.left_out)
        cells = (
            *(each.account, each.segment, each.row["kind"], each.status, _percent(each.share)),
            *(f"{count:,}" for count in counts),
            *(each.row["requested_by"], _moment(each.row["requested_at"]), str(each.id)),
        )
        # As text, so that no name is taken for markup.
        found.add_row(*(Text(cell) for cell in cells))
    console.print(found)


@contextmanager
def following(as_json: bool) -> Iterator[Update]:
    """Shows operations while the block runs, each time it is told how they are."""
    console = Console()
    if as_json:
        yield _told_once(lambda each: each.row, lambda each: click.echo(each.json()))
    elif console.is_terminal:
        with _bars(console) as bars:
            yield _moving(bars)
    else:
        yield _told_once(_step, _line)


def _told_once(state: Callable[[Shown], object], tell: Callable[[Shown], None]) -> Update:
    """Tells of an operation when its state is another than before."""
    known: dict[UUID, object] = {}

    def update(operations: Iterable[Shown]) -> None:
        for each in operations:
            now = state(each)
            if known.get(each.id) != now:
                known[each.id] = now
                tell(each)

    return update


def _step(operation: Shown) -> object:
    return operation.status, int(STEPS * operation.share)


def _line(operation: Shown) -> None:
    click.echo(
        operation.summary()
        if operation.finished
        else f"{operation.title}: {operation.status} {_percent(operation.share)}"
    )


def _moving(bars: Progress) -> Update:
    tasks: dict[UUID, TaskID] = {}
    ended: set[UUID] = set()

    def update(operations: Iterable[Shown]) -> None:
        for each in operations:
            if each.id not in tasks:
                tasks[each.id] = bars.add_task("", total=None)
            bars.update(
                tasks[each.id],
                description=f"{each.title} {each.status}",
                total=max(1, each.row["matched_count"]),
                completed=each.row["processed_count"] if each.row["matched_count"] else each.share,
            )
            if each.finished and each.id not in ended:
                ended.add(each.id)
                bars.print(Text(each.summary()))

    return update


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _percent(share: float) -> str:
    return f"{int(100 * share)} %"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
