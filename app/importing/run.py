"""Imports a file: `segments import`.

The file is read and checked in a thread, one chunk ahead of the chunk that PostgreSQL is loading. A chunk is one
transaction, so an import that was stopped goes on where it was when it is run again.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from app.ahead import ahead, rare_collections
from app.database import BusyError, Database
from app.domain import accounts, audit
from app.domain.accounts import Account
from app.domain.addresses import known_region
from app.domain.errors import InvalidInputError
from app.domain.sync.items import Outcome
from app.importing.errors import ErrorsIntoInputError, NoSuchAccountError, UnknownRegionError
from app.importing.headers import columns, recognised, shape_of
from app.importing.kinds import KINDS, Kind
from app.importing.kinds.kind import Failure, Row
from app.importing.records import Table
from app.importing.repeats import find_repeats, key_hash, settle
from app.importing.report import ErrorFile, Summary
from app.importing.tables import open_table
from app.progress import Advance, silently

ROWS_PER_TRANSACTION = 20_000
TURNS_AWAITED = 15
"""How often a chunk waits for the account's turn before the import gives up."""

REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
"""How PostgreSQL says that a value cannot be kept."""


@dataclass(frozen=True, slots=True)
class Import:
    """What to import, and how."""

    path: Path
    account: str
    kind: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Fields by the names of columns, beside or instead of those that are known by name."""
    region: str | None = None
    """Where phone numbers without a calling code belong."""
    errors: Path | None = None
    """Where to write the rows that failed."""


@dataclass(slots=True)
class Chunk:
    """What is written in one transaction, and how many bytes of the file it took."""

    rows: dict[tuple[object, ...], Row] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    superseded: int = 0
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that is known to be importable."""

    table: Table
    kind: Kind
    chunks: Iterator[Chunk]
    ignored: tuple[str, ...]


async def import_file(database: Database, wanted: Import, advance: Advance = silently) -> Summary:
    """Imports a file, telling `advance` the bytes that are done.

    Raises UnusableFileError or OSError before anything is changed; BusyError when other changes of the account
    leave it no turn.
    """
    account = await accounts.by_name(database, wanted.account)
    if account is None:
        raise NoSuchAccountError(name=wanted.account)
    prepared = await asyncio.to_thread(_prepare, wanted)
    summary = Summary(prepared.kind.shape.kind, prepared.ignored)
    with rare_collections(), ErrorFile(wanted.errors, prepared.table.header) as errors:
        async with aclosing(ahead(prepared.chunks)) as chunks:
            async for chunk in chunks:
                outcome = await _write(database, account, prepared.kind, list(chunk.rows.values()))
                summary.add(outcome)
                summary.superseded += chunk.superseded
                refused = [Failure(row.record, error.message) for row, error in outcome.refused]
                failures = sorted(chunk.failures + refused, key=lambda failure: failure.record.line)
                summary.fail(failures)
                errors.write(failures)
                advance(chunk.bytes_read)
    return summary


def _prepare(wanted: Import) -> Prepared:
    if wanted.region is not None and not known_region(wanted.region):
        raise UnknownRegionError(region=wanted.region)
    if wanted.errors is not None and wanted.errors.exists() and wanted.errors.samefile(wanted.path):
        raise ErrorsIntoInputError
    shapes = [kind.shape for kind in KINDS.values()]
    likely = [KINDS[wanted.kind].shape] if wanted.kind else shapes
    table = open_table(wanted.path, lambda header: recognised(likely, [*header, *wanted.mapping]))
    shape = KINDS[wanted.kind].shape if wanted.kind else shape_of(shapes, table.header, wanted.mapping)
    kind = KINDS[shape.kind]
    found = columns(shape, table.header, wanted.mapping)
    hash_of = key_hash(found, kind.key)
    repeats = find_repeats(table.records(), hash_of)
    settled = settle(table.records(), kind.parser(found, wanted.region), repeats, hash_of)
    return Prepared(table, kind, _chunks(table, settled), found.ignored)


def _chunks(table: Table, settled: Iterator[Row | Failure | None]) -> Iterator[Chunk]:
    chunk, done = Chunk(), 0
    for row in settled:
        if row is None:
            chunk.superseded += 1
        elif isinstance(row, Failure):
            chunk.failures.append(row)
        else:
            chunk.superseded += row.key in chunk.rows
            chunk.rows[row.key] = row
        if len(chunk.rows) + len(chunk.failures) >= ROWS_PER_TRANSACTION:
            chunk.bytes_read, done = table.position - done, table.position
            yield chunk
            chunk = Chunk()
    chunk.bytes_read = table.size - done
    yield chunk


async def _write(database: Database, account: Account, kind: Kind, rows: Sequence[Row]) -> Outcome[Row]:
    """Writes rows in one transaction. If PostgreSQL refuses a value after all, its row alone fails."""
    if not rows:
        return Outcome()
    for awaited in range(1, TURNS_AWAITED + 1):
        try:
            async with database.write(account.id) as tx:
                outcome = await kind.write(tx, account, rows)
                if outcome.created or outcome.updated:
                    await audit.record(tx, _entry(kind, outcome))
                return outcome
        except BusyError:
            if awaited == TURNS_AWAITED:
                raise
        except REFUSALS as error:
            if len(rows) == 1:
                return Outcome(refused=[(rows[0], InvalidInputError((), f"PostgreSQL refuses it: {error}."))])
            break
    middle = len(rows) // 2
    first = await _write(database, account, kind, rows[:middle])
    second = await _write(database, account, kind, rows[middle:])
    return Outcome(
        first.created + second.created,
        first.updated + second.updated,
        first.unchanged + second.unchanged,
        {**first.ids, **second.ids},
        first.refused + second.refused,
    )


def _entry(kind: Kind, outcome: Outcome[Row]) -> audit.Entry:
    counts = {"created": outcome.created, "updated": outcome.updated}
    return audit.Entry("segments import", f"import {kind.shape.kind}", counts=counts)
