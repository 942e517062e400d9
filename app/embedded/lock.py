"""Locks between processes that vanish with the process that holds them."""

import fcntl
import os
import weakref
from pathlib import Path
from types import TracebackType


class FileLock:
    """A flock on a file. Neither a program that we execute nor a child that we fork keeps it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _open_locks.add(self)

    def exclusive(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def shared(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Whether nobody else held it. A shared lock may be lost by trying."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @property
    def closed(self) -> bool:
        return self.descriptor < 0

    def close(self) -> None:
        """Gives the lock up, unless a process that inherited the descriptor on purpose keeps it."""
        if not self.closed:
            os.close(self.descriptor)
            self.descriptor = -1
        _open_locks.discard(self)

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_open_locks: "weakref.WeakSet[FileLock]" = weakref.WeakSet()


def _close_in_forked_child() -> None:
    for lock in list(_open_locks):
        lock.close()


os.register_at_fork(after_in_child=_close_in_forked_child)
