"""Answers as bytes."""

from typing import Any

import orjson

OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_UTC_Z
"""A moment in UTC ends in Z."""


def encoded(answer: dict[str, Any]) -> bytes:
    """The JSON of an answer, in UTF-8 and on one line."""
    return orjson.dumps(answer, option=OPTIONS, default=str)
