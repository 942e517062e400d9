"""`segments operations`: the command line that shows operations and follows them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import asyncpg
import click

from app.database import Database
from app.domain import accounts, history
from app.domain.accounts import Account
from app.models import MembershipOperationStatus
from app.overseeing.showing import Shown, following, table

Opening = Callable[[], AbstractAsyncContextManager[tuple[Database, str | None]]]
"""Opens the database, and says the url of the role that owns the tables when there is one."""

LOOK_INTERVAL = 0.5
"""Seconds between two looks at operations that are followed."""

MOST_RECENT = 1_000


def operations_command(opening: Opening) -> click.Command:
    """The command, on the database that `opening` opens."""

    @click.command("operations", short_help="Show what adds and removes candidates, and follow it.")
    @click.argument("operation_id", required=False, type=click.UUID)
    @click.option("--account", "account_name", help="Name of the one account to look at. Default: all.")
    @click.option(
        "--follow", "--watch", "follow", is_flag=True, help="Show the progress of what has not ended until it has."
    )
    @click.option(
        "--recent",
        default=20,
        show_default=True,
        type=click.IntRange(0, MOST_RECENT),
        help="How many of each account to show that have ended.",
    )
    @click.option(
        "--json", "as_json", is_flag=True, help="A line of JSON for each operation, and again whenever it has moved."
    )
    def command(operation_id: UUID | None, account_name: str | None, follow: bool, recent: int, as_json: bool) -> None:
        """Show the operations that have not ended and, of each account, those that ended last.

        With OPERATION_ID, follow that one until it has ended. Exits with 1 when it FAILED.
        """
        try:
            failed = asyncio.run(_run(opening, operation_id, account_name, follow, recent, as_json))
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
            raise click.ClickException("the connection to the database was lost.") from None
        if failed:
            raise SystemExit(1)

    return command


async def _run(
    opening: Opening, operation_id: UUID | None, account_name: str | None, follow: bool, recent: int, as_json: bool
) -> bool:
    """Returns whether the one operation that was followed has failed."""
    async with opening() as (database, _):
        looked_at = await _accounts(database, account_name)
        if operation_id is not None:
            [ended] = await _follow(database, [await _operation(database, looked_at, operation_id)], as_json)
            return ended.status is MembershipOperationStatus.FAILED
        under_way = [
            (account, Shown(account.name, row))
            for account in looked_at
            for row in await history.unfinished(database, account.id)
        ]
        if follow:
            await _follow(database, under_way, as_json)
            if not under_way and not as_json:
                click.echo("No operation is under way.")
            return False
        ended_last = [
            Shown(account.name, row)
            for account in looked_at
            for row in await history.ended(database, account.id, recent)
        ]
        _show([*(each for _, each in under_way), *ended_last], as_json)
    return False


async def _accounts(database: Database, name: str | None) -> list[Account]:
    if name is None:
        return await accounts.every(database)
    account = await accounts.by_name(database, name)
    if account is None:
        raise click.ClickException(f"There is no account named {name}.")
    return [account]


async def _operation(database: Database, looked_at: Sequence[Account], id: UUID) -> tuple[Account, Shown]:
    for account in looked_at:
        for row in await history.by_id(database, account.id, [id]):
            return account, Shown(account.name, row)
    raise click.ClickException(f"There is no operation {id}.")


async def _follow(database: Database, operations: Sequence[tuple[Account, Shown]], as_json: bool) -> list[Shown]:
    """Shows the operations until all have ended. Returns how they ended."""
    now = {shown.id: shown for _, shown in operations}
    by_account = {account.id: account for account, _ in operations}
    ids = {id: [shown.id for account, shown in operations if account.id == id] for id in by_account}
    with following(as_json) as update:
        update(now.values())
        while any(not each.finished for each in now.values()):
            await asyncio.sleep(LOOK_INTERVAL)
            for id, account in by_account.items():
                for row in await history.by_id(database, id, ids[id]):
                    now[row["id"]] = Shown(account.name, row)
            update(now.values())
    return list(now.values())


def _show(operations: Sequence[Shown], as_json: bool) -> None:
    if as_json:
        for each in operations:
            click.echo(each.json())
    elif operations:
        table(operations)
    else:
        click.echo("There are no operations.")
