"""An account, and a way to import text into it."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from asyncpg import Record

from app.database import Database
from app.domain import accounts
from app.domain.accounts import Account
from app.importing.report import Summary
from app.importing.run import Import, import_file

ImportText = Callable[..., Awaitable[Summary]]


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(database: Database) -> Account:
    """An account of the test's own."""
    return await accounts.create(database, f"import {uuid4()}")


@pytest.fixture
def importing(database: Database, tenant: Account, tmp_path: Path) -> ImportText:
    """Imports text, or bytes, as a file of this name."""

    async def run(text: str | bytes, name: str = "file.csv", **options: Any) -> Summary:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return await import_file(database, Import(path, tenant.name, **options))

    return run


@pytest.fixture
def rows(database: Database, tenant: Account) -> Callable[[str], Awaitable[Sequence[Record]]]:
    """What a statement about the account finds; $1 is the account."""

    async def read(statement: str) -> Sequence[Record]:
        return await database.fetch(statement, tenant.id)

    return read
