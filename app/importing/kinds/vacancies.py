"""Vacancies: the openings that candidates register for."""

from collections.abc import Sequence
from typing import Any

from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.candidates import required_text
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import Cells, Kind, Outcome, Parse, Row, demand_order, external_id_field, given
from app.importing.records import ABSENT, Record

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

SHAPE = Shape(
    "vacancies",
    (
        external_id_field(
            "id", "vacancy id", "vacancy external id", "job id", "reference", "ref", "vacature id", "vacaturenummer",
            "referentie", "stellen id", "stellennummer", "referenz", "id offre", "numero offre",
        ),
        Field(
            "title",
            ("job title", "vacancy", "vacancy title", "name", "titel", "vacature", "vacaturetitel", "functietitel",
             "stelle", "stellentitel", "stellenbezeichnung", "titre", "intitule", "offre"),
            required=True,
        ),
        Field(
            "openedAt",
            ("opened", "opened on", "open date", "published at", "published on", "start date", "geopend op",
             "gepubliceerd op", "eroeffnet am", "veroeffentlicht am", "eroffnet am", "veroffentlicht am", "ouvert le",
             "publie le"),
        ),
        Field(
            "closedAt",
            ("closed", "closed on", "close date", "end date", "gesloten op", "geschlossen am", "ferme le"),
        ),
    ),
)  # fmt: skip


def parser(columns: Columns, _: str | None) -> Parse:
    cells = Cells(columns)

    def parse(record: Record) -> Row:
        row = cells.read(record)
        external_id = row.id("externalId")
        title = required_text(given(row["title"]), "title", LONGEST_TITLE)
        opened_at, closed_at = row.moment("openedAt"), row.moment("closedAt")
        demand_order(opened_at, closed_at, "closedAt", "is before openedAt")
        return Row(record, (external_id,), (title, given(opened_at), closed_at))

    return parse


async def write(tx: Transaction, _: Account, rows: Sequence[Row]) -> Outcome:
    """Makes vacancies and changes those that differ. One without a date of opening opens now, or stays as it was."""
    outcome = Outcome()
    known = {old["external_id"]: old for old in await tx.bulk(KNOWN, tx.account_id, [row.key[0] for row in rows])}
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for row in rows:
        title, opened_at, closed_at = row.values
        old = known.get(row.key[0])
        if old is None:
            new.append((tx.account_id, uuid7(), row.key[0], title, opened_at or tx.now, given(closed_at)))
            continue
        after = (
            old["id"],
            title,
            opened_at or old["opened_at"],
            old["closed_at"] if closed_at is ABSENT else closed_at,
        )
        if after == tuple(old)[1:]:
            outcome.unchanged += 1
        else:
            changed.append(after)
    await tx.copy("vacancy", COLUMNS, new)
    if changed:
        await tx.bulk(UPDATE, tx.account_id, *map(list, zip(*changed, strict=True)))
    outcome.created, outcome.updated = len(new), len(changed)
    return outcome


VACANCIES = Kind(SHAPE, ("externalId",), parser, write)
