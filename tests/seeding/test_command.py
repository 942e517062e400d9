"""The command line says what was seeded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from click import Command
from click.testing import CliRunner

from app.database import Database
from app.seeding.command import seed_command
from app.settings import Settings


@pytest.fixture
def command(database_url: str) -> Command:
    @asynccontextmanager
    async def opening() -> AsyncIterator[tuple[Database, str | None]]:
        database = await Database.open(database_url, Settings())
        try:
            yield database, None
        finally:
            await database.close()

    return seed_command(opening)


def test_an_account_is_seeded_once(command: Command) -> None:
    arguments = ["--account", f"commanded {uuid4()}", "--candidates", "30", "--limit", "5"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "has 30 candidates" in result.output
    assert "100 %" in result.output
    again = CliRunner().invoke(command, arguments)
    assert again.exit_code == 1
    assert "already has candidates" in again.output
