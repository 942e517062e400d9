"""Who asks, and what each operation of theirs has at hand."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from aiodataloader import DataLoader
from asyncpg import Record

from app.auth import Permission, Principal
from app.database import Database
from app.domain import eligibility, reading
from app.domain.accounts import Account
from app.domain.paging import Cursors, Order, PageArguments, Window
from app.engine.errors import ClientError
from app.following import Following
from app.settings import Settings

T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """Somebody whose token is good, for the length of a request or a socket."""

    principal: Principal
    account: Account
    database: Database
    following: Following
    settings: Settings

    key: str = field(init=False)
    expires_at: float = field(init=False)
    known_until: float = field(init=False)
    max_cost: int = field(init=False)
    cursors: Cursors = field(init=False)

    def __post_init__(self) -> None:
        """Worked out once: a session is kept for all requests with one head."""
        self.key = f"{self.account.id}/{self.principal.subject}"
        self.expires_at = self.principal.expires_at.timestamp()
        self.known_until = self.principal.verified_until
        reports = Permission.REPORT in self.principal.permissions
        self.cursors = Cursors(self.account.secret)
        self.max_cost = self.settings.max_reporting_cost if reports else self.settings.max_cost

    def context(self) -> "Context":
        return Context(self.principal, self.account, self.database, self.following, self.settings, self.cursors)


@dataclass(slots=True)
class Context:
    """What one operation has at hand: its account's data, and loaders and tasks that live as long as it does."""

    principal: Principal
    account: Account
    database: Database
    following: Following
    settings: Settings
    cursors: Cursors
    loaders: dict[Any, DataLoader[Any, Any]] = field(default_factory=dict)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _rules: "asyncio.Task[eligibility.Rules] | None" = None
    _policies: "asyncio.Task[dict[UUID, Record]] | None" = None

    @property
    def account_id(self) -> UUID:
        return self.account.id

    def window(self, order: Order, asked: PageArguments, most: int | None = None) -> Window:
        """The rows that a connection was asked for. Raises BadUserInputError."""
        return asked.window(order, self.cursors, self.settings.default_page, most or self.settings.max_page)

    async def rules(self) -> eligibility.Rules:
        """What each channel demands, read once per operation."""
        if self._rules is None:
            self._rules = self._begun(eligibility.rules(self.database, self.account.id))
        return await asyncio.shield(self._rules)

    async def policies(self) -> dict[UUID, Record]:
        """The account's policies by id, read once per operation: an account has a handful."""
        if self._policies is None:
            self._policies = self._begun(reading.policies(self.database, self.account.id))
        return await asyncio.shield(self._policies)

    def forget(self) -> None:
        """What was read so far may not be true any more."""
        self.loaders.clear()
        self._rules = self._policies = None

    def demand(self, permission: Permission) -> None:
        """Raises FORBIDDEN, naming the permission, when the token does not carry it."""
        if permission not in self.principal.permissions:
            raise ClientError(
                f"This needs the permission {permission}, which the token does not carry.",
                "FORBIDDEN",
                permission=permission.value,
            )

    def _begun(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
