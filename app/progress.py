"""How far a long job is: a bar on a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Advance = Callable[[float], None]
"""Told how much more has been done."""

LINES = 10
"""Lines printed by one job where there is no terminal."""


@contextmanager
def progress(title: str, total: float) -> Iterator[Advance]:
    """Shows the job's progress on standard output while the block runs."""
    console = Console()
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(title, total=total)
            yield lambda amount: bar.advance(task, amount)
    else:
        yield _lines(title, total)


def silently(_: float) -> None:
    """Shows nothing."""


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console
    )


def _lines(title: str, total: float) -> Advance:
    done, printed = 0.0, 0

    def advance(amount: float) -> None:
        nonlocal done, printed
        done += amount
        reached = int(LINES * done / total) if total else LINES
        if reached > printed:
            printed = reached
            click.echo(f"{title}: {min(100, 100 * reached // LINES)} %")

    return advance
