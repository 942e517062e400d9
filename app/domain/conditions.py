"""The conditions of a candidate search in SQL, one method per field of the filter, named like it.

Texts are compared without regard to case. Each condition is written so that an index of `candidate`, or of the table
that relates a candidate to something, can serve it; where an index finds a superset, the exact condition follows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.eligibility import Rules, active, eligible, not_lapsed
from app.domain.errors import BadUserInputError
from app.domain.filters import LEAST_LETTERS, SETS, SIGN, DateTimeRange, SkillFilter, TextFilter
from app.domain.names import searched_text, uuid
from app.domain.sql import Parameters
from app.models import Channel
from app.settings import Settings

FULL_NAME = "lower(c.first_name || ' ' || c.last_name)"
LAST_NAME = 'lower(c.last_name) COLLATE "C"'
FIRST_NAME = 'lower(c.first_name) COLLATE "C"'
EMAIL = 'lower(c.email) COLLATE "C"'
CITY = 'lower(c.city) COLLATE "C"'
COUNTRY = 'lower(c.country) COLLATE "C"'

NEVER_UNKNOWN = SETS | {"skills", "created_at"}
"""Conditions that are true or false of everyone, so that their negation is simply NOT."""

RELATED = SETS | {"eligible_for"}
"""Conditions on rows of other tables."""

MOST_PAIRS = 10_000
"""First and last names that full names are parted into: one of a hundred words can be parted in a hundred ways."""


@dataclass(slots=True)
class Conditions:
    p: Parameters
    rules: Rules
    settings: Settings
    probing: bool
    """Whether few candidates are looked at one by one, so that no index needs to find them."""
    planned_once: bool = False
    """Whether the plan was made without the values."""
    pairs: int = 0
    """First and last names that full names have been parted into so far."""

    def text(self, value: str) -> str:
        value = self._text(value).strip()
        if not value:
            return ""
        words = self.p(value)
        exact = f"c.search @@ {self._once(f'words_query({words})')}"
        if self.probing:
            return exact
        # Very many words begin with the one or two letters of a word not yet typed out: the others are looked up.
        return f"(c.search @@ settled_words_query({words}) AND coalesce({exact}, false))"

    def name(self, value: TextFilter) -> str:
        return joined("AND", list(self._name_parts(value)))

    def _name_parts(self, value: TextFilter) -> Iterator[str]:
        if value.eq is not None:
            yield self._full_names([value.eq])
        if value.in_ is not None:
            yield self._full_names(value.in_)
        if value.contains is not None:
            yield self._like(FULL_NAME, self._within(value.contains))
            if len(value.contains) < LEAST_LETTERS and (signs := SIGN.findall(value.contains)):
                yield f"c.search @@ {self._query('sign', signs, '&')}"
        if value.starts_with is not None:
            pattern = self._start(value.starts_with)
            yield f"({self._like(LAST_NAME, pattern)} OR {self._like(FULL_NAME, pattern)})"

    def _full_names(self, names: Sequence[str]) -> str:
        """Full names are first and last name with a space between: each space may be that one."""
        firsts, lasts = [], []
        for name in self._texts(names):
            words = name.split(" ")
            for index in range(1, len(words)):
                firsts.append(" ".join(words[:index]))
                lasts.append(" ".join(words[index:]))
        self.pairs += len(firsts)
        if self.pairs > MOST_PAIRS:
            raise BadUserInputError(f"The whole names in a filter have at most {MOST_PAIRS:,} spaces in all.")
        among = (
            f"({LAST_NAME}, {FIRST_NAME}) IN (SELECT lower(last), lower(first)"
            f" FROM unnest({self.p(lasts)}::text[], {self.p(firsts)}::text[]) AS pair(last, first))"
        )
        # As a part of something PostgreSQL makes no join of it, but looks each row up in a table of the names.
        return f"({among} IS TRUE)" if self.planned_once else among

    def email(self, value: TextFilter) -> str:
        parts = self._whole(EMAIL, value)
        if value.contains is not None:
            parts.append(self._like(EMAIL, self._within(value.contains)))
        return joined("AND", parts)

    def city(self, value: TextFilter) -> str:
        parts = self._whole(CITY, value)
        if value.contains is not None:
            served = len(value.contains) >= LEAST_LETTERS
            pattern = self._within(value.contains)
            parts.append(self._like(CITY, pattern) if served else self._among("city", pattern))
        return joined("AND", parts)

    def country(self, value: TextFilter) -> str:
        parts = self._whole(COUNTRY, value)
        if value.contains is not None:
            parts.append(self._among("country", self._within(value.contains)))
        return joined("AND", parts)

    def _whole(self, column: str, value: TextFilter) -> list[str]:
        parts = []
        if value.eq is not None:
            parts.append(f"{column} = {self._once(f'lower({self.p(self._text(value.eq))})')}")
        if value.in_ is not None:
            parts.append(f"{column} = ANY({self._lowered(value.in_)})")
        if value.starts_with is not None:
            parts.append(self._like(column, self._start(value.starts_with)))
        return parts

    def _like(self, column: str, pattern: str) -> str:
        return f"{column} LIKE {self._once(f'lower({pattern})')}"

    def _among(self, column: str, pattern: str) -> str:
        """The column is like the pattern. The account has few different values: an index finds them one by one."""
        if self.probing:
            return self._like(f'lower(c.{column}) COLLATE "C"', pattern)
        value = f'lower(e.{column}) COLLATE "C"'
        following = f"SELECT min({value}) FROM candidate e WHERE e.account_id = $1"
        return (
            f'lower(c.{column}) COLLATE "C" = ANY(ARRAY('
            f"WITH RECURSIVE different(value) AS (({following}) UNION ALL"
            f" SELECT ({following} AND {value} > d.value) FROM different d WHERE d.value IS NOT NULL)"
            f" SELECT d.value FROM different d WHERE d.value LIKE lower({pattern})))"
        )

    def skills(self, value: SkillFilter) -> str:
        parts = []
        if value.has_all:
            parts.append(self._tags(value.has_all, "&"))
        if value.has_any is not None:
            parts.append(self._tags(value.has_any, "|"))
        return joined("AND", parts)

    def _tags(self, tags: Sequence[str], operator: str) -> str:
        """Tags are matched whole; an empty list of alternatives matches nobody."""
        found = self._texts(tags)
        return f"c.search @@ {self._query('skill', found, operator)}" if found else "false"

    def _query(self, kind: str, tags: list[str], operator: str) -> str:
        return self._once(f"tags_query('{kind}', {self.p(tags)}::text[], '{operator}')")

    def created_at(self, value: DateTimeRange) -> str:
        parts = []
        if value.from_ is not None:
            parts.append(f"c.created_at >= {self.p(value.from_)}")
        if value.to is not None:
            parts.append(f"c.created_at < {self.p(value.to)}")
        return joined("AND", parts)

    def registered_for_vacancy(self, value: str) -> str:
        return self._exists("application a", "a", f"a.vacancy_id = {self._id(value)}")

    def in_candidate_list(self, value: str) -> str:
        return self._exists("candidate_list_member l", "l", f"l.list_id = {self._id(value)}")

    def in_segment(self, value: str) -> str:
        lapsed = not_lapsed("m.channel", "m.candidate_id")
        return self._exists("segment_member m", "m", f"m.segment_id = {self._id(value)} AND {lapsed}")

    def accepted_policy(self, value: str) -> str:
        return self._exists("consent k", "k", f"k.policy_id = {self._id(value)} AND {active('k')}")

    def _exists(self, table: str, alias: str, condition: str) -> str:
        match = f"{alias}.account_id = $1 AND {alias}.candidate_id = c.id"
        return f"EXISTS (SELECT FROM {table} WHERE {match} AND {condition})"

    def has_verified_mobile(self, value: bool) -> str:
        return f"c.search @@ '''mobile:{'verified' if value else 'none'}'''::tsquery"

    def eligible_for(self, value: Channel) -> str:
        return eligible(self.rules, value, "c", self.p, "now()", each=self.planned_once)

    # Values

    def _once(self, sql: str) -> str:
        """What is the same for every row. It is worked out once, even by a plan that was made without the values."""
        return f"(SELECT {sql})" if self.planned_once else sql

    def _within(self, value: str) -> str:
        return self.p(f"%{_escaped(self._text(value))}%")

    def _start(self, value: str) -> str:
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


def joined(operator: str, parts: list[str]) -> str:
    if not parts:
        return "true" if operator == "AND" else "false"
    return parts[0] if len(parts) == 1 else f"({f' {operator} '.join(parts)})"
