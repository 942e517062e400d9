"""`segments account`: how an operator makes the accounts that others work in, and looks at them."""

import asyncio
import shlex
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime

import click

from app.database import Database
from app.domain import accounts, quota
from app.domain.accounts import Account, AccountNameTakenError, NewContract, NewPolicy
from app.domain.errors import ContractInactiveError, InvalidInputError
from app.models import Channel

Opening = Callable[[], AbstractAsyncContextManager[tuple[Database, str | None]]]
"""Opens the database, and says the url of the role that owns the tables when there is one."""

SUBJECT = "segments account create"
"""Who the audit log says it was."""

MOST_ENDPOINTS = 2**31 - 1

DAY = click.DateTime(formats=["%Y-%m-%d"])


def account_command(opening: Opening) -> click.Group:
    """The commands, on the database that `opening` opens."""

    @click.group("account", short_help="Make and list accounts.")
    def account() -> None:
        """Make and list accounts, the tenants that everything else belongs to."""

    @account.command("create")
    @click.argument("name")
    @click.option(
        "--limit", required=True, type=click.IntRange(0, MOST_ENDPOINTS), help="Endpoints that the contract allows."
    )
    @click.option("--contract", default="Contract", show_default=True, help="What the contract is called.")
    @click.option("--starts-on", type=DAY, help="The first day of the contract. Default: today, in UTC.")
    @click.option("--ends-on", type=DAY, help="The last day of the contract. Default: 364 days later.")
    @click.option(
        "--policy",
        "policies",
        multiple=True,
        metavar="NAME[:CHANNEL,...]",
        help="A privacy policy, and the channels that demand it: 'Newsletter:EMAIL,SMS'. Repeat for several.",
    )
    def create(
        name: str,
        limit: int,
        contract: str,
        starts_on: datetime | None,
        ends_on: datetime | None,
        policies: tuple[str, ...],
    ) -> None:
        """Make an account with a contract and its privacy policies, and print its id.

        A channel that demands no policy takes candidates who never agreed to anything.
        """
        first = starts_on.date() if starts_on else datetime.now(UTC).date()
        last = ends_on.date() if ends_on else _a_year_from(first)
        wanted = NewContract(contract, limit, first, last)
        made = asyncio.run(_create(opening, name, wanted, [_policy(each) for each in policies]))
        click.echo(f"{made.name} has the id {made.id}.")
        click.echo(f"A token for it: segments token --account {shlex.quote(made.name)}")

    @account.command("list")
    def list_() -> None:
        """List all accounts by name: id, name, endpoints in use and allowed, last day of the contract."""
        asyncio.run(_list(opening))

    return account


async def _create(opening: Opening, name: str, contract: NewContract, policies: list[NewPolicy]) -> Account:
    async with opening() as (database, _):
        try:
            return await accounts.establish(database, name, contract, policies, SUBJECT)
        except (AccountNameTakenError, InvalidInputError) as error:
            raise click.ClickException(str(error)) from None


async def _list(opening: Opening) -> None:
    async with opening() as (database, _):
        for account in await accounts.every(database):
            try:
                usage = await quota.usage(database, account.id)
                used = f"{usage['used']:,} of {usage['limit']:,} endpoints until {usage['ends_on']}"
            except ContractInactiveError:
                used = "no contract in force"
            click.echo(f"{account.id}  {account.name}  {used}")


def _policy(text: str) -> NewPolicy:
    name, _, channels = text.rpartition(":") if ":" in text else (text, "", "")
    known = {each.value: each for each in Channel}
    named = [each.strip().upper() for each in channels.split(",") if each.strip()]
    unknown = [each for each in named if each not in known]
    if unknown:
        raise click.BadParameter(f"{unknown[0]} is no channel. There are {' and '.join(known)}.", param_hint="--policy")
    return NewPolicy(name, [known[each] for each in named])


def _a_year_from(day: date) -> date:
    """The last day of a year that begins on this day."""
    return date.fromordinal(min(day.toordinal() + 364, date.max.toordinal()))
