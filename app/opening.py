"""Finds the database that the settings mean, for the commands."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from app import embedded
from app.database import Database
from app.migrate import migrate
from app.notices import ChangeNotices
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data are, as the role that serves and as the role that owns the tables."""

    url: str
    owner_url: str


@contextmanager
def place(settings: Settings) -> Iterator[Place]:
    """DATABASE_URL, or the embedded PostgreSQL for as long as the block runs."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        owner = settings.owner_database_url
        yield Place(url, owner.get_secret_value() if owner else url)
    else:
        with embedded.running(settings.data_dir) as database:
            yield Place(database.url, database.owner_url)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Database, str]]:
    """The database of this environment, with the url of its owner. The embedded one is migrated on the way."""
    settings = Settings.read()
    with place(settings) as found:
        if settings.database_url is None:
            await migrate(found.owner_url, found.url)
        database = await Database.open(found.url, settings)
        try:
            async with ChangeNotices(database, found.url).telling():
                yield database, found.owner_url
        finally:
            await database.close()


def local_secret(settings: Settings) -> str | None:
    """What signs the tokens of `segments token`: the setting, or the data directory's own.

    None when an OpenID Connect issuer gives the tokens for a database of one's own.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    if settings.oidc_issuer is not None and settings.database_url is not None:
        return None
    return embedded.secret(settings.data_dir)
