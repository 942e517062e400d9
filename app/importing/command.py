"""`segments import`: the command line of imports."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from app.database import BusyError, Database, analyze
from app.importing.errors import UnusableFileError
from app.importing.kinds import KINDS
from app.importing.report import Summary
from app.importing.run import Import, import_file
from app.progress import progress

Opening = Callable[[], AbstractAsyncContextManager[tuple[Database, str | None]]]
"""Opens the database, and says the url of the role that owns the tables when there is one."""

SOME_ROWS_FAILED = 1
NOT_IMPORTED = 2

MANY_CHANGED = 1_000
"""Rows after which the planner is told what is in the tables now, rather than left to find out minutes later."""


def import_command(opening: Opening) -> click.Command:
    """The command, on the database that `opening` opens."""

    @click.command("import", short_help="Import candidates and what belongs to them from a file.")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--account", required=True, help="Name of the account.")
    @click.option("--kind", type=click.Choice(list(KINDS)), help="What the file holds. Default: seen by its columns.")
    @click.option("--errors", type=click.Path(dir_okay=False, path_type=Path), help="Write the failed rows here.")
    @click.option(
        "--map", "mapping", multiple=True, metavar="HEADER=FIELD", help="What a column is; FIELD - leaves it out."
    )
    @click.option("--region", help="Country of phone numbers without a calling code, such as NL.")
    def command(
        file: Path, account: str, kind: str | None, errors: Path | None, mapping: Sequence[str], region: str | None
    ) -> None:
        """Import a CSV or NDJSON file. Importing it again changes nothing.

        Exits with 0 when every row is in, 1 when some failed, 2 when the file could not be imported.
        """
        wanted = Import(file, account, kind, dict(map(_pair, mapping)), region.upper() if region else None, errors)
        started = time.monotonic()
        try:
            summary = asyncio.run(_run(opening, wanted))
        except BusyError:
            click.echo("Error: other changes left no turn. What is in stays; import the file again to go on.", err=True)
            raise SystemExit(NOT_IMPORTED) from None
        except (UnusableFileError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            raise SystemExit(NOT_IMPORTED) from None
        _report(summary, time.monotonic() - started, errors)
        if summary.failed:
            raise SystemExit(SOME_ROWS_FAILED)

    return command


async def _run(opening: Opening, wanted: Import) -> Summary:
    async with opening() as (database, owner_url):
        with progress(f"Importing {wanted.path.name}", wanted.path.stat().st_size) as advance:
            summary = await import_file(database, wanted, advance)
        if owner_url and summary.created + summary.updated >= MANY_CHANGED:
            await analyze(owner_url)
        return summary


def _report(summary: Summary, seconds: float, errors: Path | None) -> None:
    if summary.ignored_columns:
        click.echo(f"Ignored columns: {', '.join(summary.ignored_columns)}.")
    for line in summary.lines(seconds, errors):
        click.echo(line)


def _pair(text: str) -> tuple[str, str]:
    header, equals, field = text.rpartition("=")
    if not equals or not header:
        raise click.BadParameter(f"{text} is not HEADER=FIELD.", param_hint="--map")
    return header, field
