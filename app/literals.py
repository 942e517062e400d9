"""Values written into a statement, for COPY, which takes no parameters."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID


def written_out(statement: str, values: Sequence[Any]) -> str:
    """The statement with its values in the places of its parameters. Only ids and lists of ids can be written so."""
    return re.sub(r"\$(\d+)\b", lambda place: _literal(values[int(place[1]) - 1]), statement)


def _literal(value: Any) -> str:
    if isinstance(value, UUID):
        return f"'{value}'::uuid"
    if isinstance(value, list) and all(isinstance(each, UUID) for each in value):
        return f"'{{{','.join(str(each) for each in value)}}}'::uuid[]"
    raise TypeError(f"A {type(value).__name__} cannot be written into a statement.")
