"""What takes too long is ended, and nothing else is."""

import asyncio

import pytest

from app.engine.deadline import Deadline


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError), Deadline(0.01) as deadline:
        await asyncio.sleep(60)
    assert deadline.expired
    await asyncio.sleep(0)


async def test_what_ends_in_time_is_left_alone() -> None:
    with Deadline(0.01) as deadline:
        await asyncio.sleep(0)
    await asyncio.sleep(0.03)
    assert not deadline.expired


async def test_an_error_of_its_own_is_handed_on() -> None:
    with pytest.raises(TimeoutError, match="another's"), Deadline(60) as deadline:
        raise TimeoutError("another's")
    assert not deadline.expired


async def test_the_inner_of_two_ends_only_its_own_block() -> None:
    with Deadline(60) as outer:
        with pytest.raises(TimeoutError), Deadline(0.01):
            await asyncio.sleep(60)
        await asyncio.sleep(0)
    assert not outer.expired


async def test_the_outer_of_two_ends_both() -> None:
    with pytest.raises(TimeoutError), Deadline(0.01) as outer, Deadline(60) as inner:
        await asyncio.sleep(60)
    assert (outer.expired, inner.expired) == (True, False)


async def test_who_is_cancelled_by_another_when_the_time_is_up_stays_cancelled() -> None:
    async def slow() -> None:
        with Deadline(0):
            asyncio.get_running_loop().call_soon(working.cancel)
            await asyncio.sleep(60)

    working = asyncio.create_task(slow())
    with pytest.raises(asyncio.CancelledError):
        await working
