"""Members of candidate lists, and the lists that are missing."""

from collections.abc import Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.candidates import LONGEST_EXTERNAL_ID, LONGEST_NAME, InvalidValueError
from app.domain.errors import InvalidInputError
from app.domain.sync import candidate_lists
from app.domain.sync.items import Outcome, given
from app.domain.sync.known import known_candidates
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import CANDIDATE_IDS, Cells, Kind, Parse, Row
from app.importing.records import Record

LISTS_BY_NAME = """
-- Lists by name, whatever its case, each with the name that asked for it.
SELECT wanted.name, l.id FROM unnest($2::text[]) AS wanted (name)
JOIN candidate_list l ON l.account_id = $1 AND lower(l.name) = lower(wanted.name)
"""

SHAPE = Shape(
    "list-members",
    (
        Field("candidateExternalId", (*CANDIDATE_IDS, "external id"), required=True),
        Field("listName", ("list", "lijst", "lijstnaam", "naam lijst", "liste", "listenname", "nom de liste")),
        Field("listExternalId", ("list id", "lijst id", "lijstnummer", "listen id", "id liste")),
    ),
    one_of=("listName", "listExternalId"),
)


def parser(columns: Columns, _: str | None) -> Parse:
    cells = Cells(columns)

    def parse(record: Record) -> Row:
        row = cells.read(record)
        external_id = row.id("candidateExternalId")
        name = given(row.text("listName", LONGEST_NAME))
        list_id = given(row.text("listExternalId", LONGEST_EXTERNAL_ID))
        if name is None and list_id is None:
            raise InvalidValueError("listName", "is missing")
        return Row(record, (external_id, list_id or name.casefold(), list_id is None), (name, list_id))

    return parse


async def write(tx: Transaction, account: Account, rows: Sequence[Row]) -> Outcome[Row]:
    """Puts candidates on lists, which it makes when they are missing. Takes nobody off."""
    outcome: Outcome[Row] = Outcome()
    found = await known_candidates(tx, account, rows, outcome, ("candidateExternalId",))
    lists = await _lists(tx, [row for row, _ in found])
    clear = 0
    pairs: dict[tuple[UUID, UUID], None] = {}
    for row, candidate_id in found:
        [list_id, *others] = lists[row.key[1:]]
        if others:
            problem = f"{len(others) + 1} lists are called {row.values[0]}. Say which by listExternalId."
            outcome.refuse(row, InvalidInputError(("listName",), problem))
        else:
            clear += 1
            pairs[list_id, candidate_id] = None
    outcome.created = await candidate_lists.add(tx, list(pairs))
    outcome.unchanged = clear - outcome.created
    return outcome


async def _lists(tx: Transaction, rows: Sequence[Row]) -> dict[tuple[object, ...], list[UUID]]:
    """The lists that each key means: several when they share a name. Those that are missing are made."""
    names = {row.values[0] for row in rows if row.values[1] is None}
    external_ids = {row.values[1] for row in rows if row.values[1] is not None}
    lists: dict[tuple[object, ...], list[UUID]] = {}
    for external_id, found in (await candidate_lists.by_external_id(tx, external_ids)).items():
        lists[external_id, False] = [found["id"]]
    for found in await tx.bulk(LISTS_BY_NAME, tx.account_id, list(names)):
        same = lists.setdefault((found["name"].casefold(), True), [])
        if found["id"] not in same:
            same.append(found["id"])
    made: dict[tuple[object, ...], tuple[UUID, str | None, str]] = {}
    for row in sorted(rows, key=_says_no_name):
        name, list_id = row.values
        if row.key[1:] not in lists and row.key[1:] not in made:
            made[row.key[1:]] = (uuid7(), list_id, name or list_id)
    await candidate_lists.create(tx, list(made.values()))
    return lists | {key: [row[0]] for key, row in made.items()}


def _says_no_name(row: Row) -> bool:
    return row.values[0] is None


LIST_MEMBERS = Kind(SHAPE, ("candidateExternalId", "listExternalId", "listName"), parser, write)
