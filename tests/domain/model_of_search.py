"""What a candidate filter means, in plain Python, with nothing of the program's SQL."""

import re
import unicodedata
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta

from app.domain.search import CandidateFilter, TextFilter
from app.models import Channel

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

SEPARATORS = re.compile(
    '[\u0001-"$-*,-/:-@\\[-`{-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2000-\u206f\u3000-\u303f]+'
)


@dataclass
class Person:
    """A candidate and what they are related to; relations by name."""

    first_name: str
    last_name: str
    email: str | None = None
    city: str | None = None
    country: str | None = None
    headline: str | None = None
    skills: tuple[str, ...] = ()
    verified_mobile: str | None = None
    age: timedelta = timedelta(days=1)
    """Before the moment of the test."""
    vacancies: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    agreed: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    expired: frozenset[str] = frozenset()
    suppressed: frozenset[Channel] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass
class Meaning:
    """The filter's ids are the names of what they stand for; `demanded` has the policies of each channel."""

    now: datetime
    demanded: dict[Channel, set[str]] = field(default_factory=dict)

    def matches(self, filter: CandidateFilter, person: Person) -> bool:
        given = {each.name: getattr(filter, each.name) for each in fields(filter)}
        parts = [self._field(name, value, person) for name, value in given.items() if value is not None]
        return all(parts)

    def _field(self, name: str, value: object, person: Person) -> bool:
        result: bool = getattr(self, name)(value, person)
        return result

    def and_(self, filters: list[CandidateFilter], person: Person) -> bool:
        return all(self.matches(each, person) for each in filters)

    def or_(self, filters: list[CandidateFilter], person: Person) -> bool:
        return any(self.matches(each, person) for each in filters)

    def not_(self, filter: CandidateFilter, person: Person) -> bool:
        return not self.matches(filter, person)

    def text(self, text: str, person: Person) -> bool:
        if not text.strip():
            return True
        known = words(" ".join(filter_none(person.name, person.email, person.headline, person.city, *person.skills)))
        asked = words(text)
        return bool(asked) and set(asked[:-1]) <= set(known) and any(word.startswith(asked[-1]) for word in known)

    def name(self, asked: TextFilter, person: Person) -> bool:
        starts = asked.starts_with
        rest = TextFilter(eq=asked.eq, in_=asked.in_, contains=asked.contains)
        begins = starts is None or any(
            lower(name).startswith(lower(starts)) for name in (person.name, person.last_name)
        )
        return begins and text_matches(rest, person.name)

    def email(self, asked: TextFilter, person: Person) -> bool:
        return text_matches(asked, person.email)

    def city(self, asked: TextFilter, person: Person) -> bool:
        return text_matches(asked, person.city)

    def country(self, asked: TextFilter, person: Person) -> bool:
        return text_matches(asked, person.country)

    def skills(self, asked: "object", person: Person) -> bool:
        known = {lower(skill) for skill in person.skills}
        has_all, has_any = getattr(asked, "has_all"), getattr(asked, "has_any")  # noqa: B009
        return (has_all is None or {lower(each) for each in has_all} <= known) and (
            has_any is None or bool({lower(each) for each in has_any} & known)
        )

    def created_at(self, asked: "object", person: Person) -> bool:
        created = self.now - person.age
        start, end = getattr(asked, "from_"), getattr(asked, "to")  # noqa: B009
        return (start is None or created >= start) and (end is None or created < end)

    def registered_for_vacancy(self, name: str, person: Person) -> bool:
        return name in person.vacancies

    def in_candidate_list(self, name: str, person: Person) -> bool:
        return name in person.lists

    def in_segment(self, name: str, person: Person) -> bool:
        return name in person.segments

    def accepted_policy(self, name: str, person: Person) -> bool:
        return name in person.agreed

    def has_verified_mobile(self, has: bool, person: Person) -> bool:
        return (person.verified_mobile is not None) == has

    def eligible_for(self, channel: Channel, person: Person) -> bool:
        address = person.email if channel is Channel.EMAIL else person.verified_mobile
        return address is not None and channel not in person.suppressed and self.demanded[channel] <= person.agreed


def text_matches(asked: TextFilter, value: str | None) -> bool:
    if asked == TextFilter():
        return True
    if value is None:
        return False
    value = lower(value)
    return (
        (asked.eq is None or value == lower(asked.eq))
        and (asked.in_ is None or value in {lower(each) for each in asked.in_})
        and (asked.contains is None or lower(asked.contains) in value)
        and (asked.starts_with is None or value.startswith(lower(asked.starts_with)))
    )


def lower(text: str) -> str:
    """Letter by letter, as PostgreSQL's C.UTF-8 does: an İ is one i, and a Σ a σ even at the end of a word."""
    return "".join("i" if letter == "İ" else letter.lower() for letter in text)


def words(text: str) -> list[str]:
    return [word for word in SEPARATORS.split(fold(text)) if word]


def fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    bare = re.sub("[\u0300-\u036f]+", "", unicodedata.normalize("NFKD", text))
    folded = lower(bare).translate(str.maketrans("øłđðħıŧς", "olddhitσ"))
    for letter, letters in (("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("þ", "th")):
        folded = folded.replace(letter, letters)
    return folded


def filter_none(*values: str | None) -> list[str]:
    return [value for value in values if value is not None]
