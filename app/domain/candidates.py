"""What the values of a candidate may be: the same for every way in."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain import addresses
from app.domain.names import unusable

LONGEST_EXTERNAL_ID = 200
LONGEST_NAME = 200
LONGEST_MOBILE = 100
LONGEST_PLACE = 200
LONGEST_HEADLINE = 500
LONGEST_SKILL = 100
MOST_SKILLS = 50

LINE_BREAKS = re.compile(r"\s*[\t\r\n]\s*")


class InvalidValueError(ValueError):
    """{field} {problem}"""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(str(self.__doc__).format(field=field, problem=problem))
        self.field = field
        self.problem = problem


Check = Callable[[Any, str, str | None], Any]
"""Turns a value as given (and the field's name, and the region of national phone numbers) into the value to keep.
Raises InvalidValueError."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a candidate: its name outside, its column and what it may be."""

    name: str
    column: str
    check: Check


def text(value: Any, field: str, longest: int) -> str | None:
    """The text without space around it; None when nothing is left.

    Raises InvalidValueError when it is too long or holds characters that are no text.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValueError(field, "must be text")
    value = value.strip()
    if not value.isprintable():
        _demand_text(value, field)
    if len(value) > longest:
        raise InvalidValueError(field, f"has {len(value):,} characters, {longest} is the most")
    return value or None


def required_text(value: Any, field: str, longest: int) -> str:
    """The same for a text that must be there."""
    found = text(value, field, longest)
    if found is None:
        raise InvalidValueError(field, "is missing")
    return found


def lines(value: Any, field: str, longest: int) -> str | None:
    """The same for a text that may have had several lines, which become one."""
    if isinstance(value, str) and not value.isprintable():
        value = " ".join(LINE_BREAKS.split(value))
    return text(value, field, longest)


def _demand_text(value: str, field: str) -> None:
    for character in value:
        if unusable(character):
            raise InvalidValueError(field, f"holds U+{ord(character):04X}, which is no text")


def _required(longest: int) -> Check:
    def check(value: Any, field: str, _: str | None) -> str:
        if value.__class__ is str and value.isprintable() and len(value) <= longest and (kept := value.strip()):
            return str(kept)
        return required_text(value, field, longest)

    return check


def _optional(longest: int) -> Check:
    def check(value: Any, field: str, _: str | None) -> str | None:
        if value.__class__ is str and value.isprintable() and len(value) <= longest:
            return value.strip() or None
        return text(value, field, longest)

    return check


def _email(value: Any, field: str, _: str | None) -> str | None:
    found = text(value, field, addresses.LONGEST_EMAIL)
    if found is None:
        return None
    try:
        return addresses.email_address(found)
    except addresses.InvalidEmailError as error:
        raise InvalidValueError(field, str(error)) from None


def verified_mobile(value: Any, field: str, region: str | None) -> str | None:
    """The number in E.164. Raises InvalidValueError when it is none."""
    found = text(value, field, LONGEST_MOBILE)
    if found is None:
        return None
    try:
        return addresses.mobile_number(found, region)
    except addresses.InvalidMobileError as error:
        raise InvalidValueError(field, str(error)) from None


def _headline(value: Any, field: str, _: str | None) -> str | None:
    return lines(value, field, LONGEST_HEADLINE)


def _country(value: Any, field: str, _: str | None) -> str | None:
    found = text(value, field, LONGEST_PLACE)
    return found.upper() if found is not None and len(found) == 2 else found


def _plain_skills(value: Sequence[Any]) -> list[str] | None:
    """The same, when none of them needs a closer look."""
    try:
        kept = dict.fromkeys(map(str.strip, value))
        if not all(map(str.isprintable, kept)) or max(map(len, kept), default=0) > LONGEST_SKILL:
            return None
    except TypeError:
        return None
    kept.pop("", None)
    return list(kept)


def skills(value: Sequence[Any] | None, field: str, _: str | None = None) -> list[str]:
    """The skills without blanks and repetitions, in their order."""
    kept = _plain_skills(value or ())
    if kept is None:
        kept = list(dict.fromkeys(found for skill in value or () if (found := text(skill, field, LONGEST_SKILL))))
    if len(kept) > MOST_SKILLS:
        raise InvalidValueError(field, f"has {len(kept)} entries, {MOST_SKILLS} is the most")
    return kept


FIELDS = (
    Field("externalId", "external_id", _required(LONGEST_EXTERNAL_ID)),
    Field("firstName", "first_name", _required(LONGEST_NAME)),
    Field("lastName", "last_name", _required(LONGEST_NAME)),
    Field("email", "email", _email),
    Field("mobile", "mobile", _optional(LONGEST_MOBILE)),
    Field("verifiedMobile", "verified_mobile", verified_mobile),
    Field("city", "city", _optional(LONGEST_PLACE)),
    Field("country", "country", _country),
    Field("headline", "headline", _headline),
    Field("skills", "skills", skills),
)
"""Everything that can be said about a candidate from outside."""


def checked(values: Mapping[str, Any], region: str | None = None) -> dict[str, Any]:
    """The columns of a candidate, from values by the names of FIELDS; what is not among them is left out.

    Raises InvalidValueError for the first value that cannot be kept.
    """
    return {
        field.column: field.check(values[field.name], field.name, region) for field in FIELDS if field.name in values
    }
