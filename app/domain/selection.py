"""Which candidates a change is about: ticked ones, or all that a search finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.database import Database, Transaction
from app.domain.eligibility import Rules
from app.domain.errors import BadUserInputError, InvalidInputError, Path
from app.domain.names import many_ids, not_found
from app.domain.search import CandidateFilter, where
from app.domain.sql import Parameters
from app.settings import Settings

FOUND = """
-- Which of these ids are candidates of the account.
SELECT id FROM candidate WHERE account_id = $1 AND id = ANY($2::uuid[])
"""


@dataclass
class AllSearchResults:
    filter: CandidateFilter
    except_ids: Sequence[str] | None = None
    expected_count: int | None = None


@dataclass
class CandidateSelection:
    """Exactly one of the two is given."""

    ids: Sequence[str] | None = None
    all_search_results: AllSearchResults | None = None


@dataclass(frozen=True)
class Selected:
    """A selection whose ids are known to exist; of it, the candidates with ids after `after` and up to `until`."""

    ids: tuple[UUID, ...] | None
    filter: CandidateFilter | None = None
    except_ids: tuple[UUID, ...] = ()
    expected_count: int | None = None
    after: UUID | None = None
    until: UUID | None = None
    removed_by: UUID | None = None
    """Of the candidates, those whom this operation removed."""

    def where(self, p: Parameters, rules: Rules, settings: Settings) -> str:
        """The condition on a candidate `c`."""
        if self.ids is not None:
            conditions = [f"c.id = ANY({p(list(self.ids))}::uuid[])"]
        else:
            conditions = [where(self.filter, p, rules, settings)]
        if self.except_ids:
            conditions.append(f"c.id <> ALL({p(list(self.except_ids))}::uuid[])")
        if self.after is not None:
            conditions.append(f"c.id > {p(self.after)}")
        if self.until is not None:
            conditions.append(f"c.id <= {p(self.until)}")
        if self.removed_by is not None:
            conditions.append(
                "c.id IN (SELECT past.candidate_id FROM past_segment_member past"
                f" WHERE past.account_id = $1 AND past.removed_by = {p(self.removed_by)})"
            )
        return " AND ".join(conditions)


async def resolve(
    source: Database | Transaction,
    account_id: UUID,
    selection: CandidateSelection,
    path: Path,
    rules: Rules,
    settings: Settings,
) -> Selected:
    """Checks every id of a selection. Raises a NotFoundError for each that is not a candidate of the account."""
    search = selection.all_search_results
    if search is None:
        ids = await _known(source, account_id, selection.ids or (), (*path, "ids"), settings)
        return Selected(ids)
    path = (*path, "allSearchResults")
    try:
        where(search.filter, Parameters(account_id), rules, settings)
    except BadUserInputError as error:
        raise InvalidInputError((*path, "filter"), str(error)) from None
    except_ids = await _known(source, account_id, search.except_ids or (), (*path, "exceptIds"), settings)
    return Selected(None, search.filter, except_ids, search.expected_count)


async def more_than(most: int, tx: Transaction, selected: Selected, rules: Rules, settings: Settings) -> bool:
    """Whether it finds more candidates than so many. Looks no further than that."""
    p = Parameters(tx.account_id)
    [row] = await tx.bulk(
        f"""
-- Whether there are more than a few.
SELECT count(*) AS found FROM (
  SELECT FROM candidate c WHERE c.account_id = $1 AND {selected.where(p, rules, settings)} LIMIT {p(most + 1)}) AS c""",
        *p.values,
    )
    found: int = row["found"]
    return found > most


async def _known(
    source: Database | Transaction, account_id: UUID, texts: Sequence[str], path: Path, settings: Settings
) -> tuple[UUID, ...]:
    if not texts:
        return ()
    ids = many_ids(texts, path, settings.max_ids)
    distinct = {id for id in ids if id is not None}
    known = {row["id"] for row in await source.fetch(FOUND, account_id, list(distinct))}
    missing = [index for index, id in enumerate(ids) if id not in known]
    if missing:
        raise not_found(missing, path, "candidate")
    return tuple(distinct)
