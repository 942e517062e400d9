"""A real PostgreSQL from a wheel, for whoever has not set DATABASE_URL.

Processes that use one data directory at a time share one PostgreSQL: the first to come starts it, the last to leave
stops it. Why it is done this way: docs/decisions/0001-embedded-postgresql.md.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from app.embedded import postgres
from app.embedded.directory import DataDirectory
from app.embedded.errors import (
    AlreadyServingError,
    EmbeddedDatabaseError,
    EmbeddedStartError,
    UnusableDataDirectoryError,
)
from app.embedded.lock import FileLock

__all__ = [
    "AlreadyServingError",
    "EmbeddedDatabase",
    "EmbeddedDatabaseError",
    "EmbeddedStartError",
    "UnusableDataDirectoryError",
    "running",
    "secret",
    "serving",
]


@dataclass(frozen=True)
class EmbeddedDatabase:
    """A running PostgreSQL, as the role that serves and as the role that owns the tables."""

    url: str
    owner_url: str
    data_dir: Path


@contextmanager
def running(data_dir: Path, options: Mapping[str, str] = MappingProxyType({})) -> Iterator[EmbeddedDatabase]:
    """The PostgreSQL of the directory, made on first use, which runs as long as anyone uses it.

    `options` are PostgreSQL settings for the one that this call starts; one that runs already is joined as it is.
    Raises UnusableDataDirectoryError or EmbeddedStartError.
    """
    directory = DataDirectory.prepare(data_dir)
    with directory.lock("postgres.users") as users:
        sockets = _join(directory, users, options)
        try:
            yield EmbeddedDatabase(_url("segments", sockets), _url("segments_owner", sockets), directory.path)
        finally:
            _leave(directory, users)


@contextmanager
def serving(data_dir: Path) -> Iterator[None]:
    """Holds the right to be the one server of this directory. Raises AlreadyServingError."""
    directory = DataDirectory.prepare(data_dir)
    with directory.lock("server.lock") as lock:
        if not lock.try_exclusive():
            raise AlreadyServingError(directory.path, _holder(lock))
        os.ftruncate(lock.descriptor, 0)
        os.pwrite(lock.descriptor, b"%d\n" % os.getpid(), 0)
        try:
            yield
        finally:
            if not lock.closed:
                os.ftruncate(lock.descriptor, 0)


def secret(data_dir: Path) -> str:
    """The directory's own random secret for signing tokens, made on first use."""
    return DataDirectory.prepare(data_dir).secret()


def _join(directory: DataDirectory, users: FileLock, options: Mapping[str, str]) -> Path:
    with directory.lock("postgres.start") as turn:
        turn.exclusive()
        users.shared()
        try:
            return postgres.ensure_running(directory, options)
        except BaseException:
            _stop_if_last(directory, users)
            raise


def _leave(directory: DataDirectory, users: FileLock) -> None:
    if users.closed:  # We are a forked child: the user is our parent.
        return
    with directory.lock("postgres.start") as turn:
        turn.exclusive()
        _stop_if_last(directory, users)


def _stop_if_last(directory: DataDirectory, users: FileLock) -> None:
    if users.try_exclusive():
        postgres.stop(directory)


def _url(role: str, sockets: Path) -> str:
    # The port is spelled out because drivers would take PGPORT from the environment.
    return f"postgresql://{role}@/segments?host={quote(str(sockets))}&port=5432"


def _holder(lock: FileLock) -> str:
    """The pid that the holder of the lock writes right after taking it."""
    for _ in range(100):
        if pid := os.pread(lock.descriptor, 20, 0).decode().strip():
            return pid
        time.sleep(0.01)
    return "(unknown)"
