"""Candidates: the people themselves."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record as DatabaseRow
from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain import candidates
from app.domain.accounts import Account
from app.domain.candidates import FIELDS, InvalidValueError
from app.domain.lapses import end_lost_memberships
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import ERASED, Kind, Outcome, Parse, Row, external_id_field
from app.importing.kinds.lookups import erased
from app.importing.records import ABSENT, Record
from app.importing.values import moment, several, yes_or_no

COLUMNS = (*(field.column for field in FIELDS), "created_at")
EXTERNAL_ID, EMAIL, VERIFIED_MOBILE, SKILLS, CREATED_AT = (
    COLUMNS.index(name) for name in ("external_id", "email", "verified_mobile", "skills", "created_at")
)
REQUIRED = ("externalId", "firstName", "lastName")

CAUSE = "An import changed an e-mail address or a verified mobile number."

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


async def write(tx: Transaction, account: Account, rows: Sequence[Row]) -> Outcome:
    """Makes candidates and changes those that differ. Memberships that rested on what was changed end."""
    outcome = Outcome()
    known = {row["external_id"]: row for row in await tx.bulk(KNOWN, tx.account_id, [row.key[0] for row in rows])}
    new = [row for row in rows if row.key[0] not in known]
    gone = await erased(tx, account, (row.key[0] for row in new)) if new else set()
    for row in new:
        if row.key[0] in gone:
            outcome.fail(row, ERASED)
    await _create(tx, [row for row in new if row.key[0] not in gone], outcome)
    await _change(tx, [(known[row.key[0]], row.values) for row in rows if row.key[0] in known], outcome)
    return outcome


async def _create(tx: Transaction, rows: Sequence[Row], outcome: Outcome) -> None:
    account_id, now = tx.account_id, tx.now
    await tx.copy(
        "candidate",
        ("account_id", "id", *COLUMNS, "updated_at"),
        ((account_id, uuid7(), *_complete(row.values, now), now) for row in rows),
    )
    outcome.created += len(rows)


def _complete(values: tuple[Any, ...], now: Any) -> list[Any]:
    """The values of a new candidate."""
    complete = [None if value is ABSENT else value for value in values]
    if complete[SKILLS] is None:
        complete[SKILLS] = []
    if complete[CREATED_AT] is None:
        complete[CREATED_AT] = now
    return complete


async def _change(tx: Transaction, pairs: Sequence[tuple[DatabaseRow, tuple[Any, ...]]], outcome: Outcome) -> None:
    changed: list[tuple[Any, ...]] = []
    readdressed: list[UUID] = []
    for old, values in pairs:
        id_, *before = old
        after = [kept if value is ABSENT else value for kept, value in zip(before, values, strict=True)]
        if after == before:
            outcome.unchanged += 1
            continue
        if after[EMAIL] != before[EMAIL] or after[VERIFIED_MOBILE] != before[VERIFIED_MOBILE]:
            readdressed.append(id_)
        after[SKILLS] = "\x01".join(after[SKILLS])
        changed.append((id_, *after[1:]))
    if changed:
        await tx.bulk(UPDATE, tx.account_id, tx.now, *map(list, zip(*changed, strict=True)))
        await end_lost_memberships(tx, readdressed, CAUSE)
    outcome.updated += len(changed)


CANDIDATES = Kind(SHAPE, ("externalId",), parser, write)
