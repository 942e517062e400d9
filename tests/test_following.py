"""Followers hear of a value at once, whenever it changes, and no more often."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID, uuid4

import pytest

from app.following import Following

OURS, THEIRS = uuid4(), uuid4()

SELDOM = 30.0
"""Seconds that no test waits."""


class Counter:
    """A value that can be read and changed."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.failure: Exception | None = None

    async def read(self) -> int:
        self.reads += 1
        if self.failure:
            raise self.failure
        return self.value


def follow(following: Following, counter: Counter, account: UUID = OURS) -> AsyncGenerator[int]:
    return following.follow(account, "counter", counter.read)


async def test_a_follower_hears_the_value_at_once() -> None:
    async with aclosing(follow(Following(SELDOM), Counter())) as values:
        assert await anext(values) == 0


async def test_a_change_of_this_process_is_told_at_once() -> None:
    following, counter = Following(SELDOM), Counter()
    async with aclosing(follow(following, counter)) as values:
        await anext(values)
        counter.value = 5
        following.changed(OURS)
        assert await anext(values) == 5


async def test_a_change_of_anyone_is_told_after_the_interval() -> None:
    following, counter = Following(0.02), Counter()
    async with aclosing(follow(following, counter)) as values:
        await anext(values)
        counter.value = 5
        assert await anext(values) == 5


async def test_what_stays_the_same_is_not_told_again() -> None:
    following, counter = Following(0.01), Counter()
    async with aclosing(follow(following, counter)) as values:
        await anext(values)
        again = asyncio.ensure_future(anext(values))
        while counter.reads < 5:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert not again.done()
        counter.value = 1
        assert await again == 1


async def test_a_change_of_another_account_causes_no_reading() -> None:
    following, counter = Following(SELDOM), Counter()
    async with aclosing(follow(following, counter)) as values:
        await anext(values)
        following.changed(THEIRS)
        for _ in range(10):
            await asyncio.sleep(0)
        assert counter.reads == 1


async def test_all_followers_share_one_reading() -> None:
    following, counter = Following(SELDOM), Counter()
    async with aclosing(follow(following, counter)) as some, aclosing(follow(following, counter)) as others:
        assert await anext(some) == await anext(others) == 0
        counter.value = 7
        following.changed(OURS)
        assert await anext(some) == await anext(others) == 7
        assert counter.reads == 2


async def test_accounts_are_read_apart() -> None:
    following, ours, theirs = Following(SELDOM), Counter(), Counter()
    theirs.value = 9
    async with aclosing(follow(following, ours)) as some, aclosing(follow(following, theirs, THEIRS)) as others:
        assert (await anext(some), await anext(others)) == (0, 9)


async def test_a_slow_follower_gets_what_is_rather_than_all_that_was() -> None:
    following, counter = Following(SELDOM), Counter()
    async with aclosing(follow(following, counter)) as slow, aclosing(follow(following, counter)) as quick:
        await anext(slow)
        await anext(quick)
        for value in (1, 2, 3):
            counter.value = value
            following.changed(OURS)
            assert await anext(quick) == value
        assert await anext(slow) == 3


async def test_what_reading_raises_ends_all_followers_and_the_next_begin_anew() -> None:
    following, counter = Following(SELDOM), Counter()
    async with aclosing(follow(following, counter)) as values:
        await anext(values)
        counter.failure = OSError("gone")
        following.changed(OURS)
        with pytest.raises(OSError, match="gone"):
            await anext(values)
    counter.failure = None
    async with aclosing(follow(following, counter)) as values:
        assert await anext(values) == 0


async def test_nothing_is_read_when_nobody_follows_any_more() -> None:
    before = asyncio.all_tasks()
    following, counter = Following(0.01), Counter()
    async with aclosing(follow(following, counter)) as values:
        await anext(values)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()
