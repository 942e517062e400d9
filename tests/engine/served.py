"""The small graph, served over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from app.engine.execution import Engine
from app.engine.http import GraphQLApp
from app.settings import Settings
from tests.client import serving
from tests.engine.sample import authenticate, explain, graph


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[str]:
    """Serves the engine. Yields its address."""
    async with serving(Starlette(routes=[Route("/", GraphQLApp(engine, authenticate))])) as address:
        yield address


@asynccontextmanager
async def asking(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the small graph under these settings."""
    async with (
        served(Engine(graph(), Settings(**settings), explain)) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=False, timeout=60) as client,
    ):
        yield client
