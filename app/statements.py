"""SQL statements: who is told that one runs, and how values get into one that takes no parameters."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

Observer = Callable[[str], AbstractContextManager[object] | None]
"""Told each statement before it runs. What it returns, if anything, is entered for as long as the statement runs."""

UNWATCHED: AbstractContextManager[object] = nullcontext()


def unobserved(_: str) -> None:
    pass


def written_out(statement: str, values: Sequence[Any]) -> str:
    """The statement with its values in the places of its parameters, for COPY. Only ids and lists of ids can be
    written so."""
    return re.sub(r"\$(\d+)\b", lambda place: _literal(values[int(place[1]) - 1]), statement)


def _literal(value: Any) -> str:
    if isinstance(value, UUID):
        return f"'{value}'::uuid"
    if isinstance(value, list) and all(isinstance(each, UUID) for each in value):
        return f"'{{{','.join(str(each) for each in value)}}}'::uuid[]"
    raise TypeError(f"A {type(value).__name__} cannot be written into a statement.")
