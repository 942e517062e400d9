"""Applications: which candidate registered for which vacancy."""

from collections.abc import Sequence
from typing import Any

from app.database import Transaction
from app.domain.accounts import Account
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import CANDIDATE_IDS, Cells, Kind, Outcome, Parse, Row, given
from app.importing.kinds.lookups import known_candidates
from app.importing.records import Record

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

SHAPE = Shape(
    "applications",
    (
        Field("candidateExternalId", CANDIDATE_IDS, required=True),
        Field(
            "vacancyExternalId",
            ("vacancy id", "job id", "vacature id", "vacaturenummer", "stellen id", "stellennummer", "id offre",
             "numero offre"),
            required=True,
        ),
        Field(
            "appliedAt",
            ("applied", "applied on", "application date", "registered at", "date", "gesolliciteerd op",
             "sollicitatiedatum", "beworben am", "bewerbungsdatum", "postule le", "date de candidature"),
        ),
    ),
)  # fmt: skip


def parser(columns: Columns, _: str | None) -> Parse:
    cells = Cells(columns)

    def parse(record: Record) -> Row:
        row = cells.read(record)
        key = row.id("candidateExternalId"), row.id("vacancyExternalId")
        return Row(record, key, (given(row.moment("appliedAt")),))

    return parse


async def write(tx: Transaction, account: Account, rows: Sequence[Row]) -> Outcome:
    """Registers candidates for vacancies. Without a date they apply now, or when they did before."""
    outcome = Outcome()
    found = await known_candidates(tx, account, rows, outcome)
    vacancy_ids = [row.key[1] for row, _ in found]
    vacancies = {v["external_id"]: v["id"] for v in await tx.bulk(VACANCY_IDS, tx.account_id, vacancy_ids)}
    candidate_ids = list({candidate_id for _, candidate_id in found})
    known = {tuple(old)[:2]: old["applied_at"] for old in await tx.bulk(KNOWN, tx.account_id, candidate_ids)}
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for row, candidate_id in found:
        [applied_at] = row.values
        vacancy_id = vacancies.get(row.key[1])
        if vacancy_id is None:
            outcome.fail(row, f"There is no vacancy {row.key[1]}.")
        elif (candidate_id, vacancy_id) not in known:
            new.append((tx.account_id, candidate_id, vacancy_id, applied_at or tx.now))
        elif applied_at and applied_at != known[candidate_id, vacancy_id]:
            changed.append((candidate_id, vacancy_id, applied_at))
        else:
            outcome.unchanged += 1
    await tx.copy("application", COLUMNS, new)
    if changed:
        await tx.bulk(UPDATE, tx.account_id, *map(list, zip(*changed, strict=True)))
    outcome.created, outcome.updated = len(new), len(changed)
    return outcome


APPLICATIONS = Kind(SHAPE, ("candidateExternalId", "vacancyExternalId"), parser, write)
