"""Values that clients follow: each is read once for all its followers, and they hear of it when it has changed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")

Read = Callable[[], Awaitable[T]]


class Following:
    """What the clients of one process follow.

    A value is looked at again at once when data of its account are said to have changed, and after `interval` seconds
    whether anybody said so or not. A follower that is slow misses what the value was meanwhile, never what it is.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._followed: dict[tuple[UUID, Hashable], _Followed] = {}

    async def follow(self, account_id: UUID, name: Hashable, read: Read[T]) -> AsyncGenerator[T]:
        """The value now, and again whenever it has become another. Ends by what `read` raises.

        `name` says what of the account it is: the followers of one name share what the first one's `read` finds.
        """
        key = (account_id, name)
        followed = self._followed.get(key)
        if followed is None or followed.failed:
            followed = self._followed[key] = _Followed(read, self._interval)
        followed.followers += 1
        seen = 0
        try:
            while True:
                seen, value = await followed.after(seen)
                yield value
        finally:
            followed.followers -= 1
            if not followed.followers:
                followed.stop()
                if self._followed.get(key) is followed:
                    del self._followed[key]

    def changed(self, account_id: UUID | None) -> None:
        """Something of the account's data has changed, or of any account's when that is not known."""
        for (of_account, _), followed in self._followed.items():
            if account_id is None or of_account == account_id:
                followed.look()


class _Followed:
    """One value, read as long as it has followers."""

    def __init__(self, read: Read[Any], interval: float) -> None:
        self.followers = 0
        self._read = read
        self._interval = interval
        self._version = 0
        self._value: Any = None
        self._failure: Exception | None = None
        self._news = asyncio.Condition()
        self._look = asyncio.Event()
        self._reading = asyncio.create_task(self._keep_reading())

    @property
    def failed(self) -> bool:
        return self._failure is not None

    async def after(self, version: int) -> tuple[int, Any]:
        """The value once it is newer than this version, with its own."""
        async with self._news:
            await self._news.wait_for(lambda: self._version > version)
        if self._failure is not None:
            raise self._failure
        return self._version, self._value

    def look(self) -> None:
        self._look.set()

    def stop(self) -> None:
        self._reading.cancel()

    async def _keep_reading(self) -> None:
        while True:
            self._look.clear()
            try:
                value = await self._read()
            except Exception as failure:
                await self._tell(None, failure)
                return
            if not self._version or value != self._value:
                await self._tell(value)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._look.wait()

    async def _tell(self, value: Any, failure: Exception | None = None) -> None:
        async with self._news:
            self._version += 1
            self._value = value
            self._failure = failure
            self._news.notify_all()
