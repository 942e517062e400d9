"""Real processes that come, use a data directory, and go or are killed."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

CHECKOUT = Path(__file__).parents[2]

TEST_OPTIONS = {"fsync": "off", "shared_buffers": "16MB"}


class Guest:
    """A process running tests/embedded/guest.py."""

    def __init__(
        self,
        act: str,
        data_dir: Path,
        *account: int,
        packages: Path | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        path = [str(packages)] if packages else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.embedded.guest", act, str(data_dir), *map(str, account)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join([*path, *sys.path])},
            start_new_session=True,
        )

    def says(self) -> dict[str, Any]:
        """What it reports once it is in."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 60)[0], "the guest says nothing"
        said = json.loads(self.process.stdout.readline() or "{}")
        assert isinstance(said, dict)
        return said

    def leave(self) -> None:
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        assert self.process.stdout is not None
        self.process.stdout.close()


def postmaster(data_dir: Path) -> int:
    """The pid that PostgreSQL wrote down."""
    return int((data_dir / "pgdata" / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    """Whether a process of this id does anything; a zombie does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)
