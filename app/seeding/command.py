"""`segments seed`: the command line of the seed."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import click

from app.database import Database
from app.progress import progress
from app.seeding.seed import AccountNotEmptyError, Seeded, seed

Opening = Callable[[], AbstractAsyncContextManager[tuple[Database, str | None]]]
"""Opens the database, and says the url of the role that owns the tables when there is one."""


def seed_command(opening: Opening) -> click.Command:
    """The command, on the database that `opening` opens."""

    @click.command("seed", short_help="Fill an account with people who do not exist.")
    @click.option("--account", "account_name", required=True, help="Name of the account; created when there is none.")
    @click.option("--candidates", required=True, type=click.IntRange(1, 10_000_000), help="How many people.")
    @click.option("--random-seed", default=1, show_default=True, help="The same number gives the same people.")
    @click.option(
        "--limit", type=click.IntRange(0), help="Endpoints in the contract. Default: as many as there are candidates."
    )
    def command(account_name: str, candidates: int, random_seed: int, limit: int | None) -> None:
        """Fill an empty account with people who do not exist, their consents, vacancies, lists and segments."""
        try:
            asyncio.run(_run(opening, account_name, candidates, random_seed, limit))
        except AccountNotEmptyError as error:
            raise click.ClickException(str(error)) from None

    return command


async def _run(opening: Opening, account_name: str, candidates: int, random_seed: int, limit: int | None) -> None:
    started = time.monotonic()
    async with opening() as (database, owner_url):
        with progress(f"Seeding {account_name}", candidates) as advance:
            seeded = await seed(
                database,
                account_name,
                candidates,
                random_seed=random_seed,
                limit=limit,
                owner_url=owner_url,
                advance=advance,
            )
    click.echo(_summary(account_name, seeded, time.monotonic() - started))


def _summary(account_name: str, seeded: Seeded, seconds: float) -> str:
    return (
        f"{account_name} ({seeded.account_id}) has {seeded.candidates:,} candidates, {seeded.consents:,} consents,"
        f" {seeded.vacancies:,} vacancies, {seeded.applications:,} applications, {seeded.lists} lists and"
        f" {seeded.segments} segments with {seeded.members:,} members, after {seconds:.0f} seconds."
    )
