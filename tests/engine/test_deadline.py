"""What takes too long is ended, and nothing else is."""

import asyncio
import gc
import weakref

import pytest

from app.engine.deadline import PATIENCE, Alarm, Deadline, GoneError


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


async def never() -> None:
    await asyncio.Event().wait()


async def soon() -> None:
    await asyncio.sleep(0)


async def test_what_nobody_waits_for_any_more_is_ended() -> None:
    with pytest.raises(GoneError), Deadline(60, soon) as deadline:
        await asyncio.sleep(60)
    assert (deadline.left, deadline.expired) == (True, False)
    await asyncio.sleep(0)


async def test_nobody_is_asked_for_while_it_does_not_last() -> None:
    asked = []

    async def gone() -> None:
        asked.append(1)

    with Deadline(60, gone):
        await asyncio.sleep(PATIENCE / 4)
    await asyncio.sleep(2 * PATIENCE)
    assert not asked


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.2])
async def test_what_takes_too_long_is_ended_though_somebody_waits(seconds: float) -> None:
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError), Deadline(seconds, never) as deadline:
        await asyncio.sleep(60)
    assert (deadline.left, deadline.expired) == (False, True)
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


async def test_who_is_cancelled_by_another_while_somebody_waits_stays_cancelled() -> None:
    async def slow() -> None:
        with Deadline(60, never):
            await asyncio.sleep(60)

    working = asyncio.create_task(slow())
    await asyncio.sleep(2 * PATIENCE)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


@pytest.mark.parametrize("seconds", [0.01, 0.07, 0.2])
async def test_an_alarm_calls_when_it_is_time_and_never_when_it_is_off(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    begun, called = loop.time(), loop.create_future()
    alarms = [Alarm(loop, seconds, lambda: pytest.fail("It was off.")) for _ in range(10)]
    Alarm(loop, seconds, lambda: called.set_result(loop.time()))
    await asyncio.sleep(0)
    for number, alarm in enumerate(alarms):
        if number == 5:
            await asyncio.sleep(seconds / 2)
        alarm.off()
    assert seconds - 0.005 <= await called - begun < seconds + 5
    await asyncio.sleep(seconds)


async def test_an_alarm_that_is_off_holds_nobody() -> None:
    class Somebody:
        def __init__(self) -> None:
            self.alarm = Alarm(asyncio.get_running_loop(), 60, self.call)

        def call(self) -> None: ...

    somebody = weakref.ref(found := Somebody())
    found.alarm.off()
    gc.disable()
    try:
        del found
        assert somebody() is None
    finally:
        gc.enable()


def test_alarms_of_one_loop_after_another_are_heard() -> None:
    async def late() -> None:
        with pytest.raises(TimeoutError), Deadline(0.06):
            await asyncio.sleep(60)

    for _ in range(3):
        asyncio.run(late())
