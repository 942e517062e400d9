"""Content negotiation: the media type that suits an Accept header best, by RFC 9110."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

QUALITY = re.compile(r"0?\.\d{1,3}|0\.?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class _Range:
    """One part of an Accept header."""

    kind: str
    subtype: str
    quality: float

    def precision(self, media_type: str) -> int:
        """How precisely the range names the type; 0 when it does not hold it."""
        kind, _, subtype = media_type.partition("/")
        if (self.kind, self.subtype) == (kind, subtype):
            return 3
        if (self.kind, self.subtype) == (kind, "*"):
            return 2
        return int((self.kind, self.subtype) == ("*", "*"))


@lru_cache(maxsize=256)
def accepted(header: str, offered: Sequence[str]) -> str | None:
    """The offered type of the highest quality, or None when the client takes none of them.

    Among equals, the one that is named more precisely comes first, then the one that is offered first. A header that
    is empty, or of which nothing can be read, takes everything.
    """
    ranges = [found for part in header.split(",") if (found := _range(part)) is not None]
    if not ranges:
        return offered[0]
    best, most = None, (0.0, 0)
    for media_type in offered:
        precision, quality = max(((each.precision(media_type), each.quality) for each in ranges), default=(0, 0.0))
        if precision and quality and (quality, precision) > most:
            best, most = media_type, (quality, precision)
    return best


@lru_cache(maxsize=256)
def names(header: str, media_type: str) -> bool:
    """Whether the header names the type itself, rather than by a wildcard or not at all."""
    return any(found is not None and found.precision(media_type) == 3 for found in map(_range, header.split(",")))


def _range(part: str) -> _Range | None:
    media_type, *parameters = (each.strip().lower() for each in part.split(";"))
    kind, slash, subtype = media_type.partition("/")
    if not (slash and kind and subtype):
        return None
    return _Range(kind, subtype, _quality(parameters))


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if QUALITY.fullmatch(value.strip()) else 0.0
    return 1.0
