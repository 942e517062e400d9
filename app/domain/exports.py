"""Everybody in a segment, or whom a campaign would reach, as the lines of a file that PostgreSQL writes itself."""

import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.database import Database
from app.domain.audience import reach
from app.domain.eligibility import eligible, not_lapsed, rules
from app.domain.export_links import ExportFormat, ExportKind
from app.domain.sql import Parameters
from app.models import Channel
from app.snapshots import Snapshot

Sink = Callable[[bytes], Awaitable[None]]

NAMES = {
    ExportKind.SEGMENT: """
-- The segment's name.
SELECT name, channel FROM segment WHERE account_id = $1 AND id = $2
""",
    ExportKind.CAMPAIGN: """
-- The campaign's name.
SELECT name, channel FROM campaign WHERE account_id = $1 AND id = $2
""",
}

MOMENT = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""

COMPUTED_FROM = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet may take a cell for a formula by: the first character. The last four are wide ones."""

WITHIN = r';(\s*"*\s*[=+@\uff1d\uff0b\uff0d\uff20-])'
"""The same after a semicolon, which ends a cell wherever a comma is for decimals, quoted or not."""

NUMBER = r"^\+[1-9][0-9]{1,14}$"
"""A number in E.164, which is data: a spreadsheet that computes it makes a number of it, and programs need its plus."""

LONGEST_FILE_NAME = 100


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export: its name and where it comes from."""

    name: str
    expression: str
    numbers: bool = False
    """Whether it holds telephone numbers."""
    safe: bool = False
    """Whether no spreadsheet can take what it holds for a formula."""

    def cell(self) -> str:
        """The text of a cell that a spreadsheet shows and does not compute: an apostrophe marks it as text."""
        if self.safe:
            return self.expression
        first = ",".join(str(ord(each)) for each in COMPUTED_FROM)
        computed = f"ascii({self.expression}) = ANY('{{{first}}}'::int[])"
        if self.numbers:
            computed += f" AND {self.expression} !~ '{NUMBER}'"
        shown = (
            f"CASE WHEN strpos({self.expression}, ';') > 0"
            f" THEN regexp_replace({self.expression}, '{WITHIN}', ';''\\1', 'g') ELSE {self.expression} END"
        )
        return f"CASE WHEN {computed} THEN '''' || {shown} ELSE {shown} END"


PERSON = (
    Column("id", "c.id", safe=True),
    Column("externalId", "c.external_id"),
    Column("firstName", "c.first_name"),
    Column("lastName", "c.last_name"),
    Column("email", "c.email"),
    Column("verifiedMobile", "c.verified_mobile", numbers=True),
    Column("city", "c.city"),
    Column("country", "c.country"),
)

ADDED_AT = Column("addedAt", f"to_char(m.added_at AT TIME ZONE 'UTC', {MOMENT})", safe=True)

OPTIONS: dict[ExportFormat, dict[str, Any]] = {
    ExportFormat.CSV: {"header": True},
    # JSON has no control characters, so nothing is ever quoted: each line is the JSON as it is.
    ExportFormat.NDJSON: {"delimiter": "\x02", "quote": "\x01"},
}


@dataclass(frozen=True, slots=True)
class Named:
    """What is exported, as it is called."""

    kind: ExportKind
    id: UUID
    name: str
    channel: Channel


async def named(source: Database | Snapshot, account_id: UUID, kind: ExportKind, id: UUID) -> Named | None:
    """The segment or campaign; None when there is none."""
    row = await source.fetchrow(NAMES[kind], account_id, id)
    return Named(kind, id, row["name"], Channel(row["channel"])) if row else None


async def export(snapshot: Snapshot, account_id: UUID, what: Named, format: ExportFormat, sink: Sink) -> None:
    """Writes all lines, by the ids of the candidates, as they are in this snapshot."""
    p = Parameters(account_id)
    if what.kind is ExportKind.SEGMENT:
        columns: tuple[Column, ...] = (*PERSON, ADDED_AT)
        source = (
            "segment_member m JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id"
            f" WHERE m.account_id = $1 AND m.segment_id = {p(what.id)}"
            f" AND {not_lapsed('m.channel', 'm.candidate_id')}"
        )
    else:
        columns = PERSON
        segments = (await reach(snapshot, account_id, [what.id]))[what.id]
        demands = await rules(snapshot, account_id)
        source = f"{segments.source(p)} AND {eligible(demands, what.channel, 'c', p, 'now()')}"
    await snapshot.copy_out(_statement(format, columns, source), *p.values, sink=sink, **OPTIONS[format])


def _statement(format: ExportFormat, columns: tuple[Column, ...], source: str) -> str:
    if format is ExportFormat.CSV:
        cells = ", ".join(f'{each.cell()} AS "{each.name}"' for each in columns)
        return f"-- Everybody, as CSV.\nSELECT {cells} FROM {source} ORDER BY c.id"
    values = ", ".join(f'{each.expression} AS "{each.name}"' for each in columns)
    rows = f"SELECT {values} FROM {source} ORDER BY c.id"
    return f"-- Everybody, as JSON.\nSELECT row_to_json(line) FROM ({rows}) AS line"


def file_name(what: Named, format: ExportFormat) -> str:
    """A name that every file system takes: that of what is exported, without what files may not be called."""
    kept = "".join(each for each in what.name if unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = re.sub(r'[<>:"/\\|?*%;]+', "_", kept).strip(" .")[:LONGEST_FILE_NAME].rstrip(" .")
    return f"{kept or what.kind}.{format.lower()}"
