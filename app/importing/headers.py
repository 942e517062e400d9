"""Which column says what, by the names that systems and people give to columns."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.importing.errors import (
    ColumnGivenTwiceError,
    MissingColumnsError,
    UnclearKindError,
    UnknownFieldError,
    UnknownHeaderError,
)

IGNORE = "-"
"""The field that a column is given to when it is to be left out."""

OWN_COLUMNS = ("line", "reason")
"""What a file of errors has besides the original columns: left out without a word when it is imported again."""

NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Field:
    """What a column can say, and what such columns are called elsewhere."""

    name: str
    synonyms: tuple[str, ...] = ()
    required: bool = False

    def names(self) -> frozenset[str]:
        return frozenset(map(plain, (self.name, *self.synonyms)))


@dataclass(frozen=True, slots=True)
class Shape:
    """What the columns of a kind of file are."""

    kind: str
    fields: tuple[Field, ...]
    one_of: tuple[str, ...] = ()
    """Fields of which one is needed."""

    def lacks(self, given: Mapping[str, int]) -> list[str]:
        """The fields that are needed and not given."""
        missing = [field.name for field in self.fields if field.required and field.name not in given]
        if self.one_of and not any(name in given for name in self.one_of):
            missing.append(" or ".join(self.one_of))
        return missing


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field is found, and the columns that say nothing we know."""

    places: Mapping[str, int]
    ignored: tuple[str, ...]


def plain(name: str) -> str:
    """A name without regard to case, accents, spaces and punctuation."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return NOT_LETTERS.sub("", "".join(letter for letter in letters if not unicodedata.combining(letter)))


def recognised(shapes: Sequence[Shape], header: Sequence[str]) -> int:
    """How many of the names are known to any of the shapes, at most."""
    names = {plain(name) for name in header}
    return max(sum(bool(field.names() & names) for field in shape.fields) for shape in shapes)


def columns(shape: Shape, header: Sequence[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """Where the shape's fields are in a file with this header; `mapping` says so for columns by name.

    Raises UnknownHeaderError, UnknownFieldError, ColumnGivenTwiceError and MissingColumnsError.
    """
    mapped = _mapped(shape, header, mapping or {})
    places: dict[str, int] = {}
    for place, name in mapped.items():
        if name != IGNORE:
            _put(places, name, place, header)
    for field in shape.fields:
        for place in _named_like(field, header):
            if place not in mapped and field.name not in mapped.values():
                _put(places, field.name, place, header)
    missing = shape.lacks(places)
    if missing:
        raise MissingColumnsError(shape.kind, missing, header)
    used = {*places.values(), *mapped}
    ignored = (name for place, name in enumerate(header) if place not in used and name not in ("", *OWN_COLUMNS))
    return Columns(places, tuple(ignored))


def shape_of(shapes: Sequence[Shape], header: Sequence[str], mapping: Mapping[str, str] | None = None) -> Shape:
    """The one shape whose needed columns are all there, and that explains every column which another such shape does.

    Raises UnclearKindError when there is none.
    """
    explained: dict[str, set[int]] = {}
    for shape in shapes:
        try:
            explained[shape.kind] = set(columns(shape, header, mapping).places.values())
        except (MissingColumnsError, UnknownFieldError, ColumnGivenTwiceError):
            continue
    everything = set().union(*explained.values())
    best = [shape for shape in shapes if explained.get(shape.kind) == everything]
    if len(best) != 1:
        raise UnclearKindError(header, [shape.kind for shape in shapes if shape.kind in explained or not explained])
    return best[0]


def _mapped(shape: Shape, header: Sequence[str], mapping: Mapping[str, str]) -> dict[int, str]:
    names = {plain(field.name): field.name for field in shape.fields}
    mapped = {}
    for column, wanted in mapping.items():
        place = next((place for place, name in enumerate(header) if plain(name) == plain(column)), None)
        if place is None:
            raise UnknownHeaderError(header=column, headers=", ".join(header))
        name = IGNORE if wanted in ("", IGNORE) else names.get(plain(wanted))
        if name is None:
            fields = ", ".join(field.name for field in shape.fields)
            raise UnknownFieldError(field=wanted, kind=shape.kind, fields=fields)
        mapped[place] = name
    return mapped


def _named_like(field: Field, header: Sequence[str]) -> list[int]:
    """The columns named like the field: of those named exactly so, or else by any synonym."""
    own, names = plain(field.name), field.names()
    exact = [place for place, name in enumerate(header) if plain(name) == own]
    return exact or [place for place, name in enumerate(header) if plain(name) in names]


def _put(places: dict[str, int], name: str, place: int, header: Sequence[str]) -> None:
    if name in places:
        raise ColumnGivenTwiceError(field=name, first=header[places[name]], second=header[place])
    places[name] = place
