"""Applications: which candidate registered for which vacancy."""

from collections.abc import Sequence

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.sync import applications as sync
from app.domain.sync.items import Outcome, given
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import CANDIDATE_IDS, Cells, Kind, Parse, Row
from app.importing.records import Record

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


async def write(tx: Transaction, account: Account, rows: Sequence[Row]) -> Outcome[Row]:
    return await sync.keep(tx, account, rows)


APPLICATIONS = Kind(SHAPE, ("candidateExternalId", "vacancyExternalId"), parser, write)
