"""Answers as bytes."""

from typing import Any

import orjson


def encoded(answer: dict[str, Any]) -> bytes:
    """The JSON of an answer, in UTF-8 and on one line."""
    return orjson.dumps(answer, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str)
