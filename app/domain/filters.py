"""What a candidate search is asked: conditions on candidates, and how they combine."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Any

from app.models import Channel


@dataclass
class TextFilter:
    eq: str | None = None
    in_: Sequence[str] | None = None
    contains: str | None = None
    starts_with: str | None = None


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

    @cached_property
    def given(self) -> dict[str, Any]:
        """The conditions that were given, by the names of their fields. Nobody gives any later."""
        return {name: value for name in CONDITIONS if (value := getattr(self, name)) is not None}

    @property
    def pointed(self) -> bool:
        """Whether an index leads straight to the few candidates that there can be."""
        return any(
            each is not None and (each.eq is not None or each.in_ is not None) for each in (self.name, self.email)
        )

    def asks(self, names: Collection[str]) -> bool:
        """Whether any of these conditions is given, here or in what it combines."""
        return not self.given.keys().isdisjoint(names) or any(each.asks(names) for each in self._inner)

    @cached_property
    def _inner(self) -> "Sequence[CandidateFilter]":
        """The filters that it combines."""
        return [*(self.and_ or ()), *(self.or_ or ()), *([self.not_] if self.not_ else ())]

    @property
    def within_sets(self) -> bool:
        """Whether whom it finds depends on who is in sets, of which some are empty and some hold half of all."""
        return self.asks(SETS)

    @property
    def needs_rules(self) -> bool:
        """Whether whom it finds depends on what channels demand."""
        return self.asks(("eligible_for",))

    @property
    def unserved(self) -> bool:
        """Whether no index leads to whom it finds: it only says who not, or looks for one letter or two."""
        return all(
            name == "not_" or (name in ("name", "email") and _is_short(value)) for name, value in self.given.items()
        )


CONDITIONS = tuple(each.name for each in fields(CandidateFilter))

SETS = frozenset(("registered_for_vacancy", "in_candidate_list", "in_segment", "accepted_policy"))
"""Conditions on who is in a set that is named."""

SIGN = re.compile("[\u2e80-\U0010ffff]")
"""Chinese, Japanese and Korean: names of one or two signs have no trigram, so single signs are kept as words."""

LEAST_LETTERS = 3
"""A text that `contains` looks for has at least one trigram from this length on."""


def _is_short(value: Any) -> bool:
    return (
        isinstance(value, TextFilter)
        and value == TextFilter(contains=value.contains)
        and len(value.contains or "") < LEAST_LETTERS
        and not SIGN.search(value.contains or "")
    )
