"""Which candidate registered for which vacancy, as the other system knows it."""

from collections.abc import Sequence
from typing import Any

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.errors import UnknownExternalIdError
from app.domain.sync.items import AnyItem, Outcome
from app.domain.sync.known import known_candidates

VACANCY_IDS = """
-- Vacancies by the ids of the other system.
SELECT external_id, id FROM vacancy WHERE account_id = $1 AND external_id = ANY($2::text[])
"""

KNOWN = """
-- What candidates applied for so far.
SELECT candidate_id, vacancy_id, applied_at FROM application WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
"""

UPDATE = """
-- Change when candidates applied.
UPDATE application AS a SET applied_at = new.applied_at
FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS new (candidate_id, vacancy_id, applied_at)
WHERE a.account_id = $1 AND a.candidate_id = new.candidate_id AND a.vacancy_id = new.vacancy_id
"""

COLUMNS = ("account_id", "candidate_id", "vacancy_id", "applied_at")


async def keep(tx: Transaction, account: Account, items: Sequence[AnyItem]) -> Outcome[AnyItem]:
    """Registers candidates for vacancies. The key of an item is the candidate and the vacancy, its value the moment
    or None: then they apply now, or when they did before."""
    outcome: Outcome[AnyItem] = Outcome()
    found = await known_candidates(tx, account, items, outcome, ("candidateExternalId",))
    wanted = list({item.key[1] for item, _ in found})
    vacancies = {row["external_id"]: row["id"] for row in await tx.bulk(VACANCY_IDS, tx.account_id, wanted)}
    candidate_ids = list({candidate_id for _, candidate_id in found})
    known = {tuple(old)[:2]: old["applied_at"] for old in await tx.bulk(KNOWN, tx.account_id, candidate_ids)}
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for item, candidate_id in found:
        [applied_at] = item.values
        vacancy_id = vacancies.get(item.key[1])
        if vacancy_id is None:
            outcome.refuse(item, UnknownExternalIdError(("vacancyExternalId",), "vacancy", item.key[1]))
        elif (candidate_id, vacancy_id) not in known:
            new.append((tx.account_id, candidate_id, vacancy_id, applied_at or tx.now))
        elif applied_at and applied_at != known[candidate_id, vacancy_id]:
            changed.append((candidate_id, vacancy_id, applied_at))
        else:
            outcome.unchanged += 1
    if new:
        await tx.copy("application", COLUMNS, new)
    if changed:
        await tx.bulk(UPDATE, tx.account_id, *map(list, zip(*changed, strict=True)))
    outcome.created, outcome.updated = len(new), len(changed)
    return outcome
