"""What a candidate search is asked: conditions on candidates, and how they combine."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.models import Channel


@dataclass
class TextFilter:
    eq: str | None = None
    in_: Sequence[str] | None = None
    contains: str | None = None
    starts_with: str | None = None

    def is_only(self, name: str) -> bool:
        """Whether this condition is given, and no other."""
        return all((value is not None) == (each == name) for each, value in vars(self).items())


@dataclass
class SkillFilter:
    has_all: Sequence[str] | None = None
    has_any: Sequence[str] | None = None


@dataclass
class DateTimeRange:
    from_: datetime | None = None
    to: datetime | None = None


@dataclass
class CandidateFilter:
    """Conditions that must all hold; those left out demand nothing."""

    and_: "Sequence[CandidateFilter] | None" = None
    or_: "Sequence[CandidateFilter] | None" = None
    not_: "CandidateFilter | None" = None
    text: str | None = None
    name: TextFilter | None = None
    email: TextFilter | None = None
    city: TextFilter | None = None
    country: TextFilter | None = None
    skills: SkillFilter | None = None
    created_at: DateTimeRange | None = None
    registered_for_vacancy: str | None = None
    in_candidate_list: str | None = None
    in_segment: str | None = None
    accepted_policy: str | None = None
    has_verified_mobile: bool | None = None
    eligible_for: Channel | None = None

    def __post_init__(self) -> None:
        """Looked through once: nobody gives any conditions later. The names begin with a line, so that what was found
        is no part of a filter where that is written or hashed."""
        self._given: dict[str, Any] = {name: value for name, value in vars(self).items() if value is not None}
        self._asked = set(self._given)
        if not self._asked.isdisjoint(COMBINING):
            for each in (*(self.and_ or ()), *(self.or_ or ()), *((self.not_,) if self.not_ else ())):
                self._asked |= each._asked

    @property
    def given(self) -> dict[str, Any]:
        """The conditions that were given, by the names of their fields."""
        return self._given

    @property
    def asked(self) -> set[str]:
        """The names of all conditions that were given, here or in what it combines."""
        return self._asked

    @property
    def pointed(self) -> bool:
        """Whether an index leads straight to the few candidates that there can be."""
        name, email = self.name, self.email
        return (name is not None and (name.eq is not None or name.in_ is not None)) or (
            email is not None and (email.eq is not None or email.in_ is not None)
        )

    @property
    def whole_country(self) -> str | None:
        """The one country whose candidates there can be, when that is all that is asked of it."""
        country = self.country
        return country.eq if country is not None and country.is_only("eq") else None

    @property
    def within_sets(self) -> bool:
        """Whether whom it finds depends on who is in sets, of which some are empty and some hold half of all."""
        return not self._asked.isdisjoint(SETS)

    @property
    def needs_rules(self) -> bool:
        """Whether whom it finds depends on what channels demand."""
        return "eligible_for" in self._asked

    @property
    def unserved(self) -> bool:
        """Whether no index leads to whom it finds: it only says who not, or looks for one letter or two."""
        for name, value in self._given.items():
            if name != "not_" and not (name in ("name", "email") and _is_short(value)):
                return False
        return True


COMBINING = frozenset(("and_", "or_", "not_"))

SETS = frozenset(("registered_for_vacancy", "in_candidate_list", "in_segment", "accepted_policy"))
"""Conditions on who is in a set that is named."""

SIGN = re.compile("[\u2e80-\U0010ffff]")
"""Chinese, Japanese and Korean: names of one or two signs have no trigram, so single signs are kept as words."""

LEAST_LETTERS = 3
"""A text that `contains` looks for has at least one trigram from this length on."""


def _is_short(value: Any) -> bool:
    return (
        isinstance(value, TextFilter)
        and value.is_only("contains")
        and len(value.contains or "") < LEAST_LETTERS
        and not SIGN.search(value.contains or "")
    )
