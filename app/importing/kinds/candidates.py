"""Candidates: the people themselves."""

from collections.abc import Sequence
from typing import Any

from app.database import Transaction
from app.domain import candidates
from app.domain.accounts import Account
from app.domain.candidates import FIELDS, InvalidValueError
from app.domain.sync import candidates as sync
from app.domain.sync.candidates import COLUMNS, CREATED_AT, EXTERNAL_ID, SKILLS, VERIFIED_MOBILE
from app.domain.sync.items import ABSENT, Outcome
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import Kind, Parse, Row, external_id_field
from app.importing.records import Record
from app.importing.values import moment, several, yes_or_no

REQUIRED = ("externalId", "firstName", "lastName")

CAUSE = "An import changed an e-mail address or a verified mobile number."

SHAPE = Shape(
    "candidates",
    (
        external_id_field(
            "id", "candidate id", "candidate external id", "reference", "ref", "ats id", "number", "kandidaat id",
            "kandidaatnummer", "referentie", "nummer", "kandidaten id", "kandidatennummer", "bewerber id",
            "bewerbernummer", "referenz", "identifiant", "id candidat", "numero candidat",
        ),
        Field(
            "firstName", ("given name", "forename", "voornaam", "roepnaam", "vorname", "prenom", "nombre"),
            required=True,
        ),
        Field(
            "lastName",
            ("surname", "family name", "achternaam", "familienaam", "nachname", "familienname", "nom", "nom de famille",
             "apellido", "apellidos"),
            required=True,
        ),
        Field(
            "email",
            ("e-mail", "mail", "email address", "e-mail address", "mailadres", "e-mailadres", "emailadres",
             "e-mail-adresse", "mailadresse", "courriel", "adresse e-mail", "adresse mail", "correo"),
        ),
        Field(
            "mobile",
            ("mobile phone", "mobile number", "cell", "cell phone", "phone", "phone number", "telephone", "mobiel",
             "mobiel nummer", "mobiele telefoon", "telefoon", "telefoonnummer", "gsm", "handy", "handynummer", "mobil",
             "mobilnummer", "mobiltelefon", "telefon", "telefonnummer", "portable", "telephone portable", "tel"),
        ),
        Field(
            "verifiedMobile",
            ("verified mobile number", "verified phone", "verified phone number", "mobile verified number",
             "geverifieerd mobiel", "geverifieerd mobiel nummer", "verifizierte mobilnummer",
             "verifizierte handynummer", "portable verifie", "mobile verifie"),
        ),
        Field(
            "mobileVerified",
            ("is mobile verified", "phone verified", "mobile is verified", "mobiel geverifieerd", "mobil verifiziert",
             "handy verifiziert", "portable est verifie"),
        ),
        Field("city", ("town", "place", "plaats", "woonplaats", "stad", "ort", "wohnort", "stadt", "ville", "ciudad")),
        Field("country", ("country code", "land", "landcode", "laendercode", "pays", "code pays", "pais")),
        Field(
            "headline",
            ("job title", "title", "function", "current job", "profession", "occupation", "functie", "beroep",
             "functietitel", "beruf", "position", "berufsbezeichnung", "poste", "fonction", "metier"),
        ),
        Field(
            "skills",
            ("skill", "competences", "competencies", "vaardigheden", "competenties", "faehigkeiten", "fahigkeiten",
             "kenntnisse", "kompetenzen", "tags"),
        ),
        Field(
            "createdAt",
            ("created", "created on", "creation date", "date created", "registered", "registered at",
             "registration date", "aangemaakt", "aangemaakt op", "datum aangemaakt", "inschrijfdatum", "erstellt",
             "erstellt am", "erstellungsdatum", "cree le", "date de creation"),
        ),
    ),
)  # fmt: skip


def parser(columns: Columns, region: str | None) -> Parse:
    """Reads rows into values in the order of COLUMNS, ABSENT where the file has no such column."""
    places = columns.places
    plan = [
        (slot, places[field.name], field.name, field.check)
        for slot, field in enumerate(FIELDS)
        if field.name in places and field.name != "skills"
    ]
    skills, flag, created_at = (places.get(name) for name in ("skills", "mobileVerified", "createdAt"))
    mobile = places.get("mobile")
    nothing = [ABSENT] * len(COLUMNS)

    def parse(record: Record) -> Row:
        cells = record.cells
        values: list[Any] = nothing.copy()
        for slot, place, name, check in plan:
            cell = cells[place]
            if cell is not ABSENT:
                values[slot] = check(cell, name, region)
            elif name in REQUIRED:
                raise InvalidValueError(name, "is missing")
        if skills is not None and cells[skills] is not ABSENT:
            values[SKILLS] = candidates.skills(several(cells[skills]), "skills")
        if created_at is not None and cells[created_at] is not ABSENT:
            values[CREATED_AT] = moment(cells[created_at], "createdAt") or ABSENT
        if flag is not None and cells[flag] is not ABSENT:
            _apply_flag(values, cells[flag], ABSENT if mobile is None else cells[mobile], region)
        return Row(record, (values[EXTERNAL_ID],), tuple(values))

    return parse


def _apply_flag(values: list[Any], flag: Any, mobile: Any, region: str | None) -> None:
    """Where a column says whether the mobile is verified: no other number counts then, and no other answer than yes."""
    if not yes_or_no(flag, "mobileVerified"):
        values[VERIFIED_MOBILE] = None
    elif values[VERIFIED_MOBILE] is ABSENT and mobile is not ABSENT:
        values[VERIFIED_MOBILE] = candidates.verified_mobile(mobile, "mobile", region)


async def write(tx: Transaction, account: Account, rows: Sequence[Row]) -> Outcome[Row]:
    return await sync.keep(tx, account, rows, CAUSE)


CANDIDATES = Kind(SHAPE, ("externalId",), parser, write)
