"""Vacancies: the openings that candidates register for."""

from collections.abc import Sequence

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.candidates import required_text
from app.domain.sync import vacancies as sync
from app.domain.sync.items import Outcome, given
from app.domain.sync.moments import demand_order
from app.domain.sync.vacancies import LONGEST_TITLE
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import Cells, Kind, Parse, Row, external_id_field
from app.importing.records import Record

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


async def write(tx: Transaction, _: Account, rows: Sequence[Row]) -> Outcome[Row]:
    return await sync.keep(tx, rows)


VACANCIES = Kind(SHAPE, ("externalId",), parser, write)
