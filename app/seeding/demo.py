"""The account that newcomers try things on."""

import click

from app.database import Database
from app.domain import accounts
from app.models import APPEND_ONLY, metadata
from app.progress import progress
from app.seeding.seed import seed

NAME = "demo"

UNFINISHED = "demo (being filled)"
"""What the account is called until it is complete, so that one whose filling was interrupted is not taken for it."""

FINISH = """
-- Give the complete account its name.
UPDATE account SET name = $2 WHERE id = $1
"""


async def make_demo(database: Database, candidates: int, owner_url: str | None) -> None:
    """Makes and fills the account, unless it is there. One left unfinished by an interruption is made anew."""
    if await accounts.by_name(database, NAME) is not None:
        return
    unfinished = await accounts.by_name(database, UNFINISHED)
    if unfinished is not None:
        await _delete(database, unfinished)
    click.echo(f"Making an account named {NAME} with {candidates:,} candidates, once ...")
    with progress("Candidates", candidates) as advance:
        seeded = await seed(database, UNFINISHED, candidates, owner_url=owner_url, advance=advance)
    await database.fetch(FINISH, seeded.account_id, NAME)


async def _delete(database: Database, account: accounts.Account) -> None:
    async with database.write(account.id) as tx:
        for table in reversed(metadata.sorted_tables):
            if "account_id" in table.columns and table.name not in APPEND_ONLY:
                await tx.bulk(
                    f"-- Delete what was half made.\nDELETE FROM {table.name} WHERE account_id = $1", account.id
                )
        await tx.bulk("-- Delete what was half made.\nDELETE FROM account WHERE id = $1", account.id)
