"""One JSON object a line."""

from collections.abc import Iterator
from typing import Any

import orjson

from app.domain.sync.items import ABSENT
from app.importing.errors import EmptyFileError
from app.importing.records import Record, Text

MOST_KEYS = 1000
"""Keys beyond these are ignored."""


class Ndjson:
    """A file of JSON objects. Its header is every key that occurs, so it is read once to begin with."""

    def __init__(self, text: Text) -> None:
        self._text = text
        keys: dict[str, None] = {}
        for _, value in self._objects():
            if isinstance(value, dict) and len(keys) < MOST_KEYS:
                keys.update(dict.fromkeys(value))
        if not keys:
            raise EmptyFileError
        self.header = tuple(keys)

    @property
    def size(self) -> int:
        return self._text.size

    @property
    def position(self) -> int:
        return self._text.position

    def records(self) -> Iterator[Record]:
        header = self.header
        for line, value in self._objects():
            if isinstance(value, dict):
                yield Record(line, [_cell(value.get(key, ABSENT)) for key in header])
            else:
                yield Record(line, [], value)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        """The object of each line that is not blank, or what is wrong with it."""
        with self._text.lines() as lines:
            for number, line in enumerate(lines, start=1):
                if line.isspace():
                    continue
                try:
                    value = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    yield number, f"The line is not JSON: {error.msg}."
                    continue
                yield number, value if isinstance(value, dict) else "The line is not a JSON object."


def _cell(value: Any) -> Any:
    """A whole number is the text that it would be in other files: ids often are numbers."""
    return str(value) if type(value) is int else value
