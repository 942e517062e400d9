"""How long something may take, for what is begun so often that asyncio.timeout would be a tenth of its work."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

ROUND = 0.025
"""Seconds between two looks at which alarms are still on."""

PATIENCE = 0.05
"""Seconds before anybody looks whether somebody still waits."""

_young: "dict[asyncio.AbstractEventLoop, set[Alarm]]" = {}
"""By loop, the alarms that no timer was set for yet, as long as there are any."""


class Alarm:
    """Calls something after so many seconds, unless it is off by then.

    Most are off after a moment, and to set and cancel a timer of the loop takes longer than to have an alarm: so a
    timer is set only for what is still on at the next look.
    """

    __slots__ = ("_among", "_call", "_due", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call
        self._due = loop.time() + seconds
        self._timer: asyncio.TimerHandle | None = None
        self._among = _young.get(loop)
        if self._among is None:
            self._among = _young[loop] = set()
            loop.call_later(ROUND, _look, loop)
        if seconds < 2 * ROUND:
            self.set_timer(loop)
        else:
            self._among.add(self)

    def set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._call is not None
        self._timer = loop.call_at(self._due, self._call)

    def off(self) -> None:
        self._call = None  # Who has an alarm is often who it calls: a cycle.
        if self._timer is not None:
            self._timer.cancel()
        elif self._among is not None:
            self._among.discard(self)


def _look(loop: asyncio.AbstractEventLoop) -> None:
    alarms = _young[loop]
    if not alarms:
        del _young[loop]
        return
    for alarm in alarms:
        alarm.set_timer(loop)
    alarms.clear()
    loop.call_later(ROUND, _look, loop)


class GoneError(Exception):
    """Nobody waits for it any more."""


class Deadline:
    """Ends its block after so many seconds: cancels the task and raises TimeoutError, as asyncio.timeout does.

    It may end it sooner, by GoneError, when nobody waits for it any more: once `gone` returns, which is begun after a
    moment, as most blocks end sooner. What is cancelled by somebody else meanwhile stays cancelled.
    """

    __slots__ = ("_alarm", "_cancelled_before", "_due", "_gone", "_looking", "_seconds", "_task", "expired", "left")

    def __init__(self, seconds: float, gone: "Callable[[], Coroutine[Any, Any, None]] | None" = None) -> None:
        self._seconds = seconds
        self._gone = gone
        self._looking: asyncio.Task[None] | None = None
        self.expired = False
        """Whether the time was up before the block had ended."""
        self.left = False
        """Whether nobody waited any more before it had."""

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled_before = task.cancelling()
        if self._gone is None:
            self._alarm = Alarm(task.get_loop(), self._seconds, self._expire)
        else:
            loop = task.get_loop()
            self._due = loop.time() + self._seconds
            self._alarm = Alarm(loop, min(PATIENCE, self._seconds), self._look)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._alarm.off()
        if self._looking is not None:
            self._looking.cancel()
        if (
            (self.expired or self.left)
            and self._task.uncancel() <= self._cancelled_before
            and isinstance(error, asyncio.CancelledError)
        ):
            raise (TimeoutError if self.expired else GoneError) from error

    def _look(self) -> None:
        loop = self._task.get_loop()
        self._alarm = Alarm(loop, max(0.0, self._due - loop.time()), self._expire)
        self._looking = loop.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        assert self._gone is not None
        await self._gone()
        if not self.expired:
            self.left = True
            self._task.cancel()

    def _expire(self) -> None:
        if not self.left:
            self.expired = True
            self._task.cancel()
