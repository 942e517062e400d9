"""Authenticators as a server builds them, and the issuers they ask."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest

from app.auth import Authenticator
from app.settings import Settings
from tests.auth.issuer import IssuerServer, running_issuers

SECRET = "a secret that is long enough for HS256"
ACCOUNT = UUID("01920000-0000-7000-8000-000000000001")

Authenticators = Callable[..., Authenticator]


def settings_of(**changes: Any) -> Settings:
    """The defaults but for the changes, unchecked: lifetimes shorter than may be set keep the tests short."""
    return Settings.model_construct(**{"jwt_leeway": 0.0, **changes})


def claims_of(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, but for `iss`. A change to None leaves the claim out."""
    claims = {
        "aud": "segments",
        "sub": "ada@example.com",
        "exp": int(time.time()) + 600,
        "account": str(ACCOUNT),
        "permissions": ["READ"],
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


@pytest.fixture(scope="session")
async def issuers() -> AsyncIterator[IssuerServer]:
    async with running_issuers() as server:
        yield server


@pytest.fixture
async def authenticator_of(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Authenticators]:
    """Builds authenticators and closes them after the test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    built: list[Authenticator] = []

    def build(*, secret: str | None = None, **changes: Any) -> Authenticator:
        built.append(Authenticator(settings_of(**changes), secret))
        return built[-1]

    yield build
    for authenticator in built:
        await authenticator.close()
