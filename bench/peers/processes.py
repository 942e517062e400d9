"""What processes use of the machine, from /proc, and which CPUs they run on. Linux only."""

import os
import platform
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")
PARENT = 1
"""The place of the parent's id in /proc/PID/stat after the name, which may hold spaces."""


@contextmanager
def pinned(cpus: set[int]) -> Iterator[None]:
    """Runs this process, and for good whatever it starts meanwhile, on these CPUs alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> list[int]:
    """The process and all that it started, directly or not."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children[int(stat[PARENT])].append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children[each])
    return found


Used = dict[Path, int]
"""The nanoseconds of CPU that each thread has used since it began."""


def cpu_used(pids: list[int]) -> Used:
    """To the nanosecond, which /proc/PID/stat has not."""
    return {thread: _run_nanoseconds(thread) for pid in pids for thread in PROC.glob(f"{pid}/task/*/schedstat")}


def milliseconds(before: Used, after: Used) -> float:
    """The CPU used between two moments by the threads that are left: idle ones may have ended, as pools shrink."""
    return sum(used - before.get(thread, 0) for thread, used in after.items()) / 1e6


def resident_bytes(pids: list[int]) -> int:
    lines = (line for pid in pids for line in (PROC / str(pid) / "status").read_text().splitlines())
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def os_cpus() -> list[int]:
    """The CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


def machine() -> list[str]:
    """What a reader must know of this machine to make sense of the figures."""
    info = (PROC / "cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{len(os.sched_getaffinity(0))} CPUs ({model}), {memory:.0f} GiB of memory",
        f"Linux {platform.release()}, Python {platform.python_version()} ({platform.python_compiler()})",
        f"load averages before the run: {' '.join(f'{each:.2f}' for each in os.getloadavg())}",
    ]


def _stat(pid: int) -> list[str] | None:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _run_nanoseconds(schedstat: Path) -> int:
    try:
        return int(schedstat.read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0
