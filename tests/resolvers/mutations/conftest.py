"""Clients that may do less."""

from collections.abc import AsyncIterator

import pytest

from app.auth import Permission
from app.settings import Settings
from tests.client import Client
from tests.conftest import SECRET
from tests.world import World


@pytest.fixture
async def reader(server_address: str, settings: Settings, world: World) -> AsyncIterator[Client]:
    """A client of this test's account that may do everything but change segments."""
    permissions = [each for each in Permission if each is not Permission.EDIT_SEGMENTS]
    async with Client.of(server_address, settings, SECRET, world.account_id, permissions) as opened:
        yield opened
