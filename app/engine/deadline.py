"""How long something may take, for what is begun so often that asyncio.timeout would be a tenth of its work."""

import asyncio
from types import TracebackType
from typing import Self


class Deadline:
    """Ends its block after so many seconds: cancels the task and raises TimeoutError, as asyncio.timeout does.

    What is cancelled by somebody else meanwhile stays cancelled.
    """

    __slots__ = ("_cancelled_before", "_seconds", "_task", "_timer", "expired")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.expired = False
        """Whether the time was up before the block had ended."""

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled_before = task.cancelling()
        self._timer = task.get_loop().call_later(self._seconds, self._expire)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if (
            self.expired
            and self._task.uncancel() <= self._cancelled_before
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()
