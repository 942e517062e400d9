"""What a candidate search is asked: conditions on candidates, and how they combine."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
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

    @property
    def given(self) -> dict[str, Any]:
        """The conditions that were given, by the names of their fields."""
        values = ((each.name, getattr(self, each.name)) for each in fields(CandidateFilter))
        return {name: value for name, value in values if value is not None}

    @property
    def pointed(self) -> bool:
        """Whether an index leads straight to the few candidates that there can be."""
        return any(
            each is not None and (each.eq is not None or each.in_ is not None) for each in (self.name, self.email)
        )
