"""How long something may take, for what is begun so often that asyncio.timeout would be a tenth of its work."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

ROUND = 0.025
"""Seconds between two looks at which alarms are still on."""

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


class Deadline:
    """Ends its block after so many seconds: cancels the task and raises TimeoutError, as asyncio.timeout does.

    What is cancelled by somebody else meanwhile stays cancelled.
    """

    __slots__ = ("_alarm", "_cancelled_before", "_seconds", "_task", "expired")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.expired = False
        """Whether the time was up before the block had ended."""

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled_before = task.cancelling()
        self._alarm = Alarm(task.get_loop(), self._seconds, self._expire)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._alarm.off()
        if (
            self.expired
            and self._task.uncancel() <= self._cancelled_before
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()
