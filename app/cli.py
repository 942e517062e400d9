"""The `segments` command."""

import asyncio
import socket
import sys
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import asyncpg
import click

from app import embedded, logs
from app.account_command import account_command
from app.auth import Permission, mint
from app.domain import accounts
from app.domain.check import check_accounts, summary
from app.graph import sdl
from app.importing.command import import_command
from app.migrate import UnusableDatabaseError, migrate
from app.opening import local_secret, opened, place
from app.overseeing.command import operations_command
from app.seeding import demo as demo_account
from app.seeding.command import seed_command
from app.server import Server
from app.serving import StoppableServer
from app.settings import InvalidSettingsError, Settings, unknown_variables
from app.settings_document import document
from app.tracing import tracing
from app.worker import work_until_stopped

DEMO_CANDIDATES = 100_000

UNREACHABLE = (
    ConnectionError,
    socket.gaierror,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.TooManyConnectionsError,
)
"""What is raised when there is no getting at a database of one's own."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def segments() -> None:
    """Candidate segments over GraphQL. Settings come from the environment; docs/settings.md lists them."""


@segments.command()
@click.option("--demo", is_flag=True, help="Migrate first, fill an account named demo the first time, print a token.")
@click.option("--demo-candidates", default=DEMO_CANDIDATES, show_default=True, help="How many people in the demo.")
def serve(demo: bool, demo_candidates: int) -> None:
    """Serve the API until interrupted. With the embedded PostgreSQL, one server per data directory."""
    settings = Settings.read()
    logs.configure(settings)
    for name in unknown_variables():
        click.echo(f"Warning: there is no setting {name}. docs/settings.md lists them.", err=True)
    alone = embedded.serving(settings.data_dir) if settings.database_url is None else nullcontext()
    with alone, listening(settings) as listener, place(settings) as found:
        if demo or settings.database_url is None:
            asyncio.run(migrate(found.owner_url, found.url))
        if demo:
            asyncio.run(_make_demo(demo_candidates))
        secret = local_secret(settings)
        asyncio.run(_connect(found.url))
        server = Server(settings, found.url, secret, tracing=tracing(settings))
        address = f"http://{settings.host}:{listener.getsockname()[1]}/graphql"
        hint = (
            asyncio.run(_mint(demo_account.NAME, "demo@segments", list(Permission), timedelta(days=30)))
            if demo
            else None
        )
        announcement = f"\nGraphiQL: {address}{f'#token={hint}' if hint else ''}\nThe API:  {address}\n"
        StoppableServer(server, settings, announcement).serve_until_stopped(listener)


def listening(settings: Settings) -> socket.socket:
    """The socket of this host and port. Raises ClickException when it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Linux itself ends connections whose client reads nothing; uvicorn would keep them, and not stop for them.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(settings.send_timeout * 2_000))
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise click.ClickException(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}."
            " Stop what listens there, or set PORT (and HOST) to something else."
        ) from None
    return listener


async def _connect(url: str) -> None:
    """Raises what is UNREACHABLE now, rather than when the server has begun."""
    connection = await asyncpg.connect(url, timeout=10)
    await connection.close()


async def _make_demo(candidates: int) -> None:
    async with opened() as (database, owner_url):
        await demo_account.make_demo(database, candidates, owner_url)


@segments.command()
def worker() -> None:
    """Carry queued operations forward until interrupted; servers do so too, unless SEGMENTS_WORKERS is 0."""
    settings = Settings.read()
    logs.configure(settings)
    with place(settings) as found:
        asyncio.run(_connect(found.url))
        asyncio.run(work_until_stopped(found.url, settings))


@segments.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema. Safe to repeat, and from several processes at once."""
    settings = Settings.read()
    with place(settings) as found:
        changed = asyncio.run(migrate(found.owner_url, found.url))
    click.echo("The database was migrated." if changed else "The database is at the newest schema already.")


@segments.command()
@click.option("--account", "name", required=True, help="Name of the account that the token is for.")
@click.option("--subject", default="developer@segments", show_default=True, help="Who the bearer is.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([each.value for each in Permission]),
    help="What the bearer may do; repeat for several. Default: everything.",
)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How long it is good for.")
def token(name: str, subject: str, permissions: tuple[str, ...], days: int) -> None:
    """Print a bearer token of the local secret, as the last line."""
    granted = [Permission(each) for each in permissions] or list(Permission)
    minted = asyncio.run(_mint(name, subject, granted, timedelta(days=days)))
    if minted is None:
        raise click.ClickException("Tokens come from the OpenID Connect issuer here: there is no local secret.")
    click.echo(minted)


async def _mint(name: str, subject: str, permissions: list[Permission], lifetime: timedelta) -> str | None:
    settings = Settings.read()
    secret = local_secret(settings)
    if secret is None:
        return None
    async with opened() as (database, _):
        account = await accounts.by_name(database, name)
    if account is None:
        where = settings.data_dir if settings.database_url is None else "this database"
        raise click.ClickException(f"There is no account named {name} in {where}.")
    return mint(secret, settings, account.id, subject, permissions, lifetime)


@segments.command()
@click.option("--account", "name", help="Name of the one account to check. Default: all.")
def check(name: str | None) -> None:
    """Recompute from the rows what must always hold. Exits 1 naming what does not."""
    if not asyncio.run(_check(name)):
        sys.exit(1)


async def _check(name: str | None) -> bool:
    reports = []
    async with opened() as (database, _):
        account = await accounts.by_name(database, name) if name else None
        if name and account is None:
            raise click.ClickException(f"There is no account named {name}.")
        async for report in check_accounts(database, account):
            reports.append(report)
            for line in report.lines():
                click.echo(line)
    click.echo(summary(reports))
    return not any(report.breaches for report in reports)


@segments.command()
@click.option(
    "--check",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fail when this file is not the schema.",
)
def schema(path: Path | None) -> None:
    """Print the graph's schema."""
    if path is None:
        click.echo(sdl(), nl=False)
    elif path.read_text(encoding="utf-8") != sdl():
        raise click.ClickException(f"{path} is not the schema of this version. `segments schema` prints that.")


@segments.command("settings")
def settings_command() -> None:
    """Print every setting, as docs/settings.md has them."""
    click.echo(document(), nl=False)


segments.add_command(account_command(opened))
segments.add_command(seed_command(opened))
segments.add_command(import_command(opened))
segments.add_command(operations_command(opened))


def main() -> None:
    try:
        segments()
    except (InvalidSettingsError, UnusableDatabaseError, embedded.EmbeddedDatabaseError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except asyncpg.UndefinedTableError:
        click.echo("Error: the database has no tables of this version: run `segments migrate` first.", err=True)
        sys.exit(1)
    except UNREACHABLE as error:
        click.echo(f"Error: the database cannot be used: {error or type(error).__name__}", err=True)
        sys.exit(1)
