"""Lists of candidates and who is on them, as the other system knows it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.sync.items import AnyItem, Outcome
from app.domain.sync.known import known_candidates

KNOWN = """
-- Lists by the ids of the other system.
SELECT external_id, id, name FROM candidate_list WHERE account_id = $1 AND external_id = ANY($2::text[])
"""

UPDATE = """
-- Rename lists.
UPDATE candidate_list AS l SET name = new.name FROM unnest($2::uuid[], $3::text[]) AS new (id, name)
WHERE l.account_id = $1 AND l.id = new.id
"""

ADD = """
-- Put candidates on lists, those who are not on them yet.
INSERT INTO candidate_list_member AS t (account_id, list_id, candidate_id)
SELECT $1, new.list_id, new.candidate_id FROM unnest($2::uuid[], $3::uuid[]) AS new (list_id, candidate_id)
WHERE NOT EXISTS (
  SELECT FROM candidate_list_member m
  WHERE m.account_id = $1 AND m.list_id = new.list_id AND m.candidate_id = new.candidate_id)
ORDER BY new.list_id, new.candidate_id
RETURNING 1
"""

REMOVE = """
-- Take these candidates off a list.
WITH gone AS (
  DELETE FROM candidate_list_member WHERE account_id = $1 AND list_id = $2 AND candidate_id = ANY($3::uuid[])
  RETURNING 1)
SELECT count(*) FROM gone
"""

REMOVE_OTHERS = """
-- Take everybody but these candidates off a list.
WITH gone AS (
  DELETE FROM candidate_list_member WHERE account_id = $1 AND list_id = $2 AND candidate_id <> ALL($3::uuid[])
  RETURNING 1)
SELECT count(*) FROM gone
"""


class MembersMode(StrEnum):
    """What candidates that are named become of a list: all of it, more of it, or no part of it."""

    REPLACE = "REPLACE"
    ADD = "ADD"
    REMOVE = "REMOVE"


@dataclass(frozen=True, slots=True)
class MembersChange(Generic[AnyItem]):
    """What became of the members of a list. None for the list: there is none, and nothing was changed."""

    list_id: UUID | None
    added: int
    removed: int
    refused: list[tuple[AnyItem, Any]]


async def keep(tx: Transaction, items: Sequence[AnyItem]) -> Outcome[AnyItem]:
    """Makes lists and renames those that are called otherwise. The value of an item is the name."""
    outcome: Outcome[AnyItem] = Outcome()
    known = await by_external_id(tx, (item.key[0] for item in items))
    new: list[tuple[UUID, str | None, str]] = []
    changed: list[tuple[UUID, str]] = []
    for item in items:
        [external_id], [name] = item.key, item.values
        old = known.get(external_id)
        outcome.ids[item.key] = uuid7() if old is None else old["id"]
        if old is None:
            new.append((outcome.ids[item.key], external_id, name))
        elif old["name"] != name:
            changed.append((old["id"], name))
        else:
            outcome.unchanged += 1
    await create(tx, new)
    if changed:
        await tx.bulk(UPDATE, tx.account_id, *map(list, zip(*changed, strict=True)))
    outcome.created, outcome.updated = len(new), len(changed)
    return outcome


async def by_external_id(tx: Transaction, external_ids: Iterable[str]) -> dict[str, Record]:
    """Id and name of the lists with these ids of the other system."""
    return {row["external_id"]: row for row in await tx.bulk(KNOWN, tx.account_id, list(set(external_ids)))}


async def create(tx: Transaction, lists: Sequence[tuple[UUID, str | None, str]]) -> None:
    """Makes lists of an id, an id of the other system and a name."""
    if lists:
        columns = ("account_id", "id", "external_id", "name")
        await tx.copy("candidate_list", columns, [(tx.account_id, *each) for each in lists])


async def add(tx: Transaction, pairs: Sequence[tuple[UUID, UUID]]) -> int:
    """Puts candidates on lists, by pairs of list and candidate, each once. Returns how many were not on them yet."""
    if not pairs:
        return 0
    return len(await tx.bulk(ADD, tx.account_id, *map(list, zip(*pairs, strict=True))))


async def change_members(
    tx: Transaction, account: Account, external_id: str, items: Sequence[AnyItem], mode: MembersMode
) -> MembersChange[AnyItem]:
    """Changes who is on one list. The key of an item is a candidate; those who are not known are refused, and they
    count as not named."""
    found = (await by_external_id(tx, [external_id])).get(external_id)
    if found is None:
        return MembersChange(None, 0, 0, [])
    list_id: UUID = found["id"]
    outcome: Outcome[AnyItem] = Outcome()
    known = await known_candidates(tx, account, items, outcome, ())
    candidate_ids = [candidate_id for _, candidate_id in known]
    added = removed = 0
    if mode is not MembersMode.ADD:
        statement = REMOVE if mode is MembersMode.REMOVE else REMOVE_OTHERS
        [[removed]] = await tx.bulk(statement, tx.account_id, list_id, candidate_ids)
    if mode is not MembersMode.REMOVE:
        added = await add(tx, [(list_id, candidate_id) for candidate_id in candidate_ids])
    return MembersChange(list_id, added, removed, outcome.refused)
