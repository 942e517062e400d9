"""How much a value holds, before it is kept for long."""

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any


def holds_few(value: Any, most: int) -> bool:
    """Whether there are at most so many values in it, itself included: in lists, dictionaries and objects with fields.

    What is null does not count, nor what an object has found out about itself.
    """
    count, waiting = 0, [] if value is None else [value]
    while waiting:
        count += len(waiting)
        if count > most:
            return False
        waiting = [inner for each in waiting for inner in _inner(each) if inner is not None]
    return True


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if is_dataclass(value):
        return [inner for name, inner in vars(value).items() if not name.startswith("_")]
    return ()
