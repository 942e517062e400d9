"""Who is known by the ids of the other system, and who was erased."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from uuid import UUID

from app.database import Transaction
from app.domain.accounts import Account
from app.importing.kinds.kind import ERASED, Outcome, Row

CANDIDATE_IDS = """
-- Candidates by the ids of the other system.
SELECT external_id, id FROM candidate WHERE account_id = $1 AND external_id = ANY($2::text[])
"""

HAS_ERASED = """
-- Whether anybody was ever erased.
SELECT EXISTS (SELECT FROM erased_candidate WHERE account_id = $1)
"""

ERASED_HASHES = """
-- Which of these hashes belong to people who were erased.
SELECT external_id_hash FROM erased_candidate WHERE account_id = $1 AND external_id_hash = ANY($2::bytea[])
"""


async def candidate_ids(tx: Transaction, external_ids: Iterable[str]) -> dict[str, UUID]:
    rows = await tx.bulk(CANDIDATE_IDS, tx.account_id, list(set(external_ids)))
    return {row["external_id"]: row["id"] for row in rows}


async def erased(tx: Transaction, account: Account, external_ids: Iterable[str]) -> set[str]:
    """Which of these ids belong to people who were erased."""
    if not await tx.fetchval(HAS_ERASED, tx.account_id):
        return set()
    hashes = {sha256(account.secret + external_id.encode()).digest(): external_id for external_id in external_ids}
    rows = await tx.bulk(ERASED_HASHES, tx.account_id, list(hashes))
    return {hashes[row["external_id_hash"]] for row in rows}


async def known_candidates(
    tx: Transaction, account: Account, rows: Sequence[Row], outcome: Outcome
) -> list[tuple[Row, UUID]]:
    """The rows whose candidate is known, with the candidate; the others fail. The first of a key is the candidate."""
    ids = await candidate_ids(tx, (row.key[0] for row in rows))
    missing = {row.key[0] for row in rows if row.key[0] not in ids}
    gone = await erased(tx, account, missing) if missing else set()
    found = []
    for row in rows:
        external_id = row.key[0]
        if external_id in ids:
            found.append((row, ids[external_id]))
        else:
            outcome.fail(row, ERASED if external_id in gone else f"There is no candidate {external_id}.")
    return found
