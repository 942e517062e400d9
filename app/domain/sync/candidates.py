"""The people, as the other system knows them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.candidates import FIELDS
from app.domain.errors import ErasedError
from app.domain.lapses import SYSTEM, end_lost_memberships
from app.domain.sync.items import ABSENT, AnyItem, Outcome
from app.domain.sync.known import erased

COLUMNS = (*(field.column for field in FIELDS), "created_at")
"""What the values of an item are, in this order."""

EXTERNAL_ID, EMAIL, VERIFIED_MOBILE, SKILLS, CREATED_AT = (
    COLUMNS.index(name) for name in ("external_id", "email", "verified_mobile", "skills", "created_at")
)

KNOWN = f"""
-- Candidates as they are, by the ids of the other system.
SELECT id, {", ".join(COLUMNS)} FROM candidate WHERE account_id = $1 AND external_id = ANY($2::text[])
"""

UPDATE = """
-- Change candidates. Skills come joined, because unnest takes arrays of arrays apart.
UPDATE candidate AS c SET
  first_name = new.first_name, last_name = new.last_name, email = new.email, mobile = new.mobile,
  verified_mobile = new.verified_mobile, city = new.city, country = new.country, headline = new.headline,
  skills = string_to_array(new.skills, E'\\x01'), created_at = new.created_at, updated_at = $2
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
  $11::text[], $12::text[], $13::timestamptz[])
  AS new (id, first_name, last_name, email, mobile, verified_mobile, city, country, headline, skills, created_at)
WHERE c.account_id = $1 AND c.id = new.id
"""


async def keep(
    tx: Transaction, account: Account, items: Sequence[AnyItem], cause: str, requested_by: str = SYSTEM
) -> Outcome[AnyItem]:
    """Makes candidates and changes those that differ. Memberships that rested on what was changed end, for this
    cause. People who were erased are refused."""
    outcome: Outcome[AnyItem] = Outcome()
    known = {row["external_id"]: row for row in await tx.bulk(KNOWN, tx.account_id, [item.key[0] for item in items])}
    new = [item for item in items if item.key[0] not in known]
    gone = await erased(tx, account, (item.key[0] for item in new)) if new else set()
    for item in new:
        if item.key[0] in gone:
            outcome.refuse(item, ErasedError(("externalId",)))
    await _create(tx, [item for item in new if item.key[0] not in gone], outcome)
    readdressed = await _change(tx, [(known[each.key[0]], each) for each in items if each.key[0] in known], outcome)
    await end_lost_memberships(tx, readdressed, cause, requested_by)
    return outcome


async def _create(tx: Transaction, items: Sequence[AnyItem], outcome: Outcome[AnyItem]) -> None:
    if not items:
        return
    outcome.ids.update((item.key, uuid7()) for item in items)
    account_id, now = tx.account_id, tx.now
    await tx.copy(
        "candidate",
        ("account_id", "id", *COLUMNS, "updated_at"),
        ((account_id, outcome.ids[item.key], *_complete(item.values, now), now) for item in items),
    )
    outcome.created += len(items)


def _complete(values: tuple[Any, ...], now: Any) -> list[Any]:
    """The values of a new candidate."""
    complete = [None if value is ABSENT else value for value in values]
    if complete[SKILLS] is None:
        complete[SKILLS] = []
    if complete[CREATED_AT] is None:
        complete[CREATED_AT] = now
    return complete


async def _change(tx: Transaction, pairs: Sequence[tuple[Record, AnyItem]], outcome: Outcome[AnyItem]) -> list[UUID]:
    """Changes those that differ. Returns those with another address than before."""
    changed: list[tuple[Any, ...]] = []
    readdressed: list[UUID] = []
    for old, item in pairs:
        id_, *before = old
        outcome.ids[item.key] = id_
        after = [kept if value is ABSENT else value for kept, value in zip(before, item.values, strict=True)]
        if after == before:
            outcome.unchanged += 1
            continue
        if after[EMAIL] != before[EMAIL] or after[VERIFIED_MOBILE] != before[VERIFIED_MOBILE]:
            readdressed.append(id_)
        after[SKILLS] = "\x01".join(after[SKILLS])
        changed.append((id_, *after[1:]))
    if changed:
        await tx.bulk(UPDATE, tx.account_id, tx.now, *map(list, zip(*changed, strict=True)))
    outcome.updated += len(changed)
    return readdressed
