"""Who is known by the ids of the other system, and who was erased."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.erasures import hashed
from app.domain.errors import ErasedError, Path, UnknownExternalIdError
from app.domain.sync.items import AnyItem, Outcome

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


async def erased(tx: Transaction, account: Account, external_ids: Iterable[str]) -> set[str]:
    """Which of these ids belong to people who were erased."""
    if not await tx.fetchval(HAS_ERASED, tx.account_id):
        return set()
    hashes = {hashed(account.secret, external_id): external_id for external_id in external_ids}
    rows = await tx.bulk(ERASED_HASHES, tx.account_id, list(hashes))
    return {hashes[row["external_id_hash"]] for row in rows}


async def known_candidates(
    tx: Transaction, account: Account, items: Sequence[AnyItem], outcome: Outcome[AnyItem], path: Path
) -> list[tuple[AnyItem, UUID]]:
    """The items whose candidate is known, with the candidate; the others are refused, with this path. The first of a
    key is the candidate."""
    wanted = list({item.key[0] for item in items})
    ids = {row["external_id"]: row["id"] for row in await tx.bulk(CANDIDATE_IDS, tx.account_id, wanted)}
    missing = [external_id for external_id in wanted if external_id not in ids]
    gone = await erased(tx, account, missing) if missing else set()
    found = []
    for item in items:
        external_id = item.key[0]
        if external_id in ids:
            found.append((item, ids[external_id]))
        elif external_id in gone:
            outcome.refuse(item, ErasedError(path))
        else:
            outcome.refuse(item, UnknownExternalIdError(path, "candidate", external_id))
    return found
