"""The candidate search: a filter compiled to a WHERE, from a fixed set of conditions, values always as parameters.

One search serves to look and to add "all search results".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.conditions import NEVER_UNKNOWN, RELATED, Conditions, joined
from app.domain.eligibility import Rules
from app.domain.errors import BadUserInputError
from app.domain.filters import CandidateFilter, DateTimeRange, SkillFilter, TextFilter
from app.domain.sql import Parameters
from app.settings import Settings

__all__ = ["CandidateFilter", "DateTimeRange", "SkillFilter", "TextFilter", "where"]


def where(
    filter: CandidateFilter | None,
    p: Parameters,
    rules: Rules,
    settings: Settings,
    *,
    probing: bool = False,
    planned_once: bool = False,
    but: str | None = None,
) -> str:
    """The condition on a candidate `c` of the account.

    It means the same either way, but is written for a statement that wants everyone whom it holds for or, `probing`,
    for one that looks at few candidates anyway; `planned_once`, for one whose plan is made without the values. What the
    statement says elsewhere, `but` leaves out: the name of one condition of the filter. Raises BadUserInputError for
    a filter that is too big.
    """
    if filter is None:
        return "true"
    conditions = Conditions(p, rules, settings, probing or filter.pointed, planned_once)
    return _Compiler(conditions, but).compiled(filter, negated=False, depth=0)


@dataclass(slots=True)
class _Compiler:
    conditions: Conditions
    but: str | None = None
    """Left out of the outermost filter."""
    count: int = 0

    def compiled(self, filter: CandidateFilter, negated: bool, depth: int) -> str:
        """Every condition of one filter holds, or at least one does not: negation goes inwards to the conditions,
        where an index may serve it and joins stay joins."""
        most = self.conditions.settings.max_filter_depth
        if depth > most:
            raise BadUserInputError(f"A filter nests and, or and not at most {most} deep.")
        if not filter.given:
            self._count()
        if negated and not self.conditions.probing and _is_related(filter) and not _is_simple(filter):
            return f"NOT {_exists(self.compiled(filter, False, depth))}"
        parts = self._parts(filter, negated, depth)
        return self._any(parts, [filter]) if negated else joined("AND", parts)

    def _parts(self, filter: CandidateFilter, negated: bool, depth: int) -> list[str]:
        parts = []
        for name, value in filter.given.items():
            self._count()
            if depth == 0 and name == self.but:
                continue
            if name == "not_":
                parts.append(self.compiled(value, not negated, depth + 1))
            elif name in ("and_", "or_"):
                parts.append(self._several(value, (name == "or_") != negated, negated, depth))
            elif sql := getattr(self.conditions, name)(value):
                parts.append(_negated(name, sql) if negated else sql)
        return parts

    def _several(self, filters: Sequence[CandidateFilter], any_of: bool, negated: bool, depth: int) -> str:
        parts = [self.compiled(each, negated, depth + 1) for each in filters]
        return self._any(parts, filters) if any_of else joined("AND", parts)

    def _any(self, parts: list[str], filters: Sequence[CandidateFilter]) -> str:
        """PostgreSQL combines indexes of one table for an OR; what is related is found apart, and united."""
        if self.conditions.probing or len(parts) == 1 or not any(map(_is_related, filters)):
            return joined("OR", parts)
        return f"c.id IN ({' UNION '.join(map(_ids, parts))})"

    def _count(self) -> None:
        self.count += 1
        most = self.conditions.settings.max_filter_conditions
        if self.count > most:
            raise BadUserInputError(f"A filter has at most {most} conditions.")


def _is_related(filter: CandidateFilter) -> bool:
    """Whether it looks into other tables."""
    return not RELATED.isdisjoint(filter.asked)


def _is_simple(filter: CandidateFilter) -> bool:
    """Whether it has one condition, which is negated as cheaply as it is asked."""
    [first, *more] = filter.given
    return not more and (first == "not_" or first in NEVER_UNKNOWN)


def _ids(condition: str) -> str:
    return f"SELECT c.id FROM candidate c WHERE c.account_id = $1 AND {condition}"


def _exists(condition: str) -> str:
    """The same of a candidate `c`, but as a join whatever the condition, even when negated."""
    return f"EXISTS (SELECT FROM ({_ids(condition)}) AS found WHERE found.id = c.id)"


def _negated(field: str, sql: str) -> str:
    """Who lacks a value is not known to meet a condition on it, and so does not meet it."""
    return f"NOT {sql}" if field in NEVER_UNKNOWN else f"NOT coalesce({sql}, false)"
