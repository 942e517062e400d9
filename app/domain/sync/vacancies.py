"""The openings, as the other system knows them."""

from collections.abc import Sequence
from typing import Any

from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.errors import InvalidInputError
from app.domain.sync.items import ABSENT, AnyItem, Outcome, given

LONGEST_TITLE = 300

KNOWN = """
-- Vacancies as they are, by the ids of the other system.
SELECT external_id, id, title, opened_at, closed_at FROM vacancy
WHERE account_id = $1 AND external_id = ANY($2::text[])
"""

UPDATE = """
-- Change vacancies.
UPDATE vacancy AS v SET title = new.title, opened_at = new.opened_at, closed_at = new.closed_at
FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[]) AS new (id, title, opened_at, closed_at)
WHERE v.account_id = $1 AND v.id = new.id
"""

COLUMNS = ("account_id", "id", "external_id", "title", "opened_at", "closed_at")


async def keep(tx: Transaction, items: Sequence[AnyItem]) -> Outcome[AnyItem]:
    """Makes vacancies and changes those that differ. The values of an item are title, opened_at and closed_at; one
    without a moment of opening opens now, or stays as it was. One that would close before it opened is refused."""
    outcome: Outcome[AnyItem] = Outcome()
    wanted = [item.key[0] for item in items]
    known = {old["external_id"]: old for old in await tx.bulk(KNOWN, tx.account_id, wanted)}
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for item in items:
        title, opened_at, closed_at = item.values
        old = known.get(item.key[0])
        if old is None:
            outcome.ids[item.key] = id_ = uuid7()
            new.append((tx.account_id, id_, item.key[0], title, given(opened_at) or tx.now, given(closed_at)))
            continue
        after = (
            old["id"],
            title,
            given(opened_at) or old["opened_at"],
            old["closed_at"] if closed_at is ABSENT else closed_at,
        )
        _, _, opens, closes = after
        if after != tuple(old)[1:] and closes is not None and closes < opens:
            field = "openedAt" if closed_at is ABSENT else "closedAt"
            outcome.refuse(item, InvalidInputError((field,), "A vacancy does not close before it opened."))
            continue
        outcome.ids[item.key] = old["id"]
        if after == tuple(old)[1:]:
            outcome.unchanged += 1
        else:
            changed.append(after)
    if new:
        await tx.copy("vacancy", COLUMNS, new)
    if changed:
        await tx.bulk(UPDATE, tx.account_id, *map(list, zip(*changed, strict=True)))
    outcome.created, outcome.updated = len(new), len(changed)
    return outcome
