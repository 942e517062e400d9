"""The candidate search: a filter compiled to a WHERE, from a fixed set of conditions, values always as parameters.

One search serves to look and to add "all search results". Texts are compared without regard to case. Each condition
is written so that an index of `candidate` can serve it; where an index finds a superset, the exact condition follows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from app.domain.eligibility import Rules, eligible, not_lapsed
from app.domain.errors import BadUserInputError
from app.domain.names import searched_text, uuid
from app.domain.sql import Parameters
from app.models import Channel
from app.settings import Settings


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


LETTERS = "candidate_letters(c.first_name, c.last_name, c.email, c.city, c.country)"
FULL_NAME = "lower(c.first_name || ' ' || c.last_name)"
LAST_NAME = 'lower(c.last_name) COLLATE "C"'
FIRST_NAME = 'lower(c.first_name) COLLATE "C"'
EMAIL = 'lower(c.email) COLLATE "C"'
CITY = 'lower(c.city) COLLATE "C"'
COUNTRY = 'lower(c.country) COLLATE "C"'


def where(filter: CandidateFilter | None, p: Parameters, rules: Rules, settings: Settings) -> str:
    """The condition on a candidate `c` of the account. Raises BadUserInputError for a filter that is too big."""
    return _Compiler(p, rules, settings).all_of(filter or CandidateFilter(), depth=1)


@dataclass
class _Compiler:
    p: Parameters
    rules: Rules
    settings: Settings
    conditions: int = 0

    def all_of(self, filter: CandidateFilter, depth: int) -> str:
        """Every condition of one filter, ANDed."""
        if depth > self.settings.max_filter_depth:
            raise BadUserInputError(f"A filter nests and, or and not at most {self.settings.max_filter_depth} deep.")
        return _join("AND", list(self._parts(filter, depth)))

    def _parts(self, filter: CandidateFilter, depth: int) -> Iterator[str]:
        for field in fields(CandidateFilter):
            value = getattr(filter, field.name)
            if value is None:
                continue
            self._count()
            condition = (
                self._nested(field.name, value, depth)
                if field.name in ("and_", "or_", "not_")
                else getattr(self, field.name)(value)
            )
            if condition:
                yield condition

    def _nested(self, name: str, value: "CandidateFilter | Sequence[CandidateFilter]", depth: int) -> str:
        if isinstance(value, CandidateFilter):
            return f"NOT coalesce({self.all_of(value, depth + 1)}, false)"
        parts = [self.all_of(each, depth + 1) for each in value]
        if name == "or_":
            return _join("OR", parts) if parts else "false"
        return _join("AND", parts)

    def _count(self, more: int = 1) -> None:
        self.conditions += more
        if self.conditions > self.settings.max_filter_conditions:
            raise BadUserInputError(f"A filter has at most {self.settings.max_filter_conditions} conditions.")

    # One method per field of the filter, named like it.

    def text(self, value: str) -> str:
        value = self._text(value).strip()
        return f"c.search @@ words_query({self.p(value)})" if value else ""

    def name(self, value: TextFilter) -> str:
        return _join("AND", list(self._name_parts(value)))

    def _name_parts(self, value: TextFilter) -> Iterator[str]:
        if value.eq is not None:
            yield self._full_names([value.eq])
        if value.in_ is not None:
            yield self._full_names(value.in_)
        if value.contains is not None:
            yield self._contains(FULL_NAME, value.contains)
        if value.starts_with is not None:
            pattern = self._pattern(value.starts_with)
            yield (
                f"({LAST_NAME} LIKE lower({pattern})"
                f" OR ({LETTERS} LIKE lower({pattern}) AND {FULL_NAME} LIKE lower({pattern})))"
            )

    def _full_names(self, names: Sequence[str]) -> str:
        """Full names are first and last name with a space between: each space may be that one."""
        firsts, lasts = [], []
        for name in self._texts(names):
            words = name.split(" ")
            for index in range(1, len(words)):
                firsts.append(" ".join(words[:index]))
                lasts.append(" ".join(words[index:]))
        return (
            f"({LAST_NAME}, {FIRST_NAME}) IN (SELECT lower(last), lower(first)"
            f" FROM unnest({self.p(lasts)}::text[], {self.p(firsts)}::text[]) AS pair(last, first))"
        )

    def email(self, value: TextFilter) -> str:
        return self._column(EMAIL, value)

    def city(self, value: TextFilter) -> str:
        return self._column(CITY, value)

    def _column(self, column: str, value: TextFilter) -> str:
        parts = []
        if value.eq is not None:
            parts.append(f"{column} = lower({self.p(self._text(value.eq))})")
        if value.in_ is not None:
            parts.append(f"{column} = ANY({self._lowered(value.in_)})")
        if value.contains is not None:
            parts.append(self._contains(column, value.contains))
        if value.starts_with is not None:
            parts.append(f"{column} LIKE lower({self._pattern(value.starts_with)})")
        return _join("AND", parts)

    def country(self, value: TextFilter) -> str:
        parts = []
        if value.eq is not None:
            parts.append(self._tags("country", [value.eq], "|"))
        if value.in_ is not None:
            parts.append(self._tags("country", value.in_, "|"))
        rest = self._column(COUNTRY, TextFilter(contains=value.contains, starts_with=value.starts_with))
        return _join("AND", [*parts, rest] if rest else parts)

    def skills(self, value: SkillFilter) -> str:
        parts = []
        if value.has_all:
            parts.append(self._tags("skill", value.has_all, "&"))
        if value.has_any is not None:
            parts.append(self._tags("skill", value.has_any, "|"))
        return _join("AND", parts)

    def _tags(self, kind: str, tags: Sequence[str], operator: str) -> str:
        """Tags are matched whole; an empty list of alternatives matches nobody."""
        found = self._texts(tags)
        return f"c.search @@ tags_query('{kind}', {self.p(found)}::text[], '{operator}')" if found else "false"

    def created_at(self, value: DateTimeRange) -> str:
        parts = []
        if value.from_ is not None:
            parts.append(f"c.created_at >= {self.p(value.from_)}")
        if value.to is not None:
            parts.append(f"c.created_at < {self.p(value.to)}")
        return _join("AND", parts)

    def registered_for_vacancy(self, value: str) -> str:
        return self._exists("application a", "a", f"a.vacancy_id = {self._id(value)}")

    def in_candidate_list(self, value: str) -> str:
        return self._exists("candidate_list_member l", "l", f"l.list_id = {self._id(value)}")

    def in_segment(self, value: str) -> str:
        lapsed = not_lapsed(self.rules, "m.channel", "m.candidate_id", self.p)
        return self._exists("segment_member m", "m", f"m.segment_id = {self._id(value)} AND {lapsed}")

    def accepted_policy(self, value: str) -> str:
        return self._exists(
            "consent k",
            "k",
            f"k.policy_id = {self._id(value)} AND k.withdrawn_at IS NULL AND k.granted_at <= now()"
            " AND (k.expires_at IS NULL OR k.expires_at > now())",
        )

    def _exists(self, table: str, alias: str, condition: str) -> str:
        match = f"{alias}.account_id = $1 AND {alias}.candidate_id = c.id"
        return f"EXISTS (SELECT FROM {table} WHERE {match} AND {condition})"

    def has_verified_mobile(self, value: bool) -> str:
        return f"c.verified_mobile IS {'NOT NULL' if value else 'NULL'}"

    def eligible_for(self, value: Channel) -> str:
        return eligible(self.rules, value, "c", self.p, "now()")

    # Values

    def _contains(self, column: str, value: str) -> str:
        pattern = self.p(f"%{_escaped(self._text(value))}%")
        return f"({LETTERS} LIKE lower({pattern}) AND {column} LIKE lower({pattern}))"

    def _pattern(self, value: str) -> str:
        return self.p(f"{_escaped(self._text(value))}%")

    def _lowered(self, values: Sequence[str]) -> str:
        return f"ARRAY(SELECT lower(v) FROM unnest({self.p(self._texts(values))}::text[]) AS v)"

    def _id(self, value: str) -> str:
        """An id; one that is malformed matches as little as one that is unknown."""
        return f"{self.p(uuid(value))}::uuid"

    def _texts(self, values: Sequence[str]) -> list[str]:
        if len(values) > self.settings.max_ids:
            raise BadUserInputError(f"A list in a filter has at most {self.settings.max_ids} values.")
        return [self._text(value) for value in values]

    def _text(self, value: str) -> str:
        return searched_text(value, self.settings.max_text_length)


def _escaped(value: str) -> str:
    """The text as LIKE takes it literally."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _join(operator: str, parts: list[str]) -> str:
    if not parts:
        return "true"
    return parts[0] if len(parts) == 1 else f"({f' {operator} '.join(parts)})"
