"""Consents: what candidates agreed to, and what they took back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record as DatabaseRow

from app.database import Transaction
from app.domain.accounts import Account
from app.domain.candidates import InvalidValueError, required_text
from app.domain.consents import LONGEST_SOURCE, later_word
from app.domain.errors import InvalidInputError, UnknownExternalIdError
from app.domain.lapses import end_lost_memberships
from app.domain.sync.items import ABSENT, Outcome, given
from app.domain.sync.known import known_candidates
from app.domain.sync.moments import demand_order
from app.importing.headers import Columns, Field, Shape
from app.importing.kinds.kind import CANDIDATE_IDS, Cells, Kind, Parse, Row, external_id_field
from app.importing.records import Record

LONGEST_POLICY = 200

CAUSE = "An import changed a consent."

POLICIES = """
-- The account's privacy policies.
SELECT id, name FROM privacy_policy WHERE account_id = $1
"""

KNOWN = """
-- What candidates agreed to so far.
SELECT candidate_id, policy_id, granted_at, expires_at, withdrawn_at, source FROM consent
WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
"""

UPDATE = """
-- Change consents.
UPDATE consent AS k SET granted_at = new.granted_at, expires_at = new.expires_at, withdrawn_at = new.withdrawn_at,
  source = new.source
FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[])
  AS new (candidate_id, policy_id, granted_at, expires_at, withdrawn_at, source)
WHERE k.account_id = $1 AND k.candidate_id = new.candidate_id AND k.policy_id = new.policy_id
"""

COLUMNS = ("account_id", "candidate_id", "policy_id", "granted_at", "expires_at", "withdrawn_at", "source")

SHAPE = Shape(
    "consents",
    (
        external_id_field("id", *CANDIDATE_IDS),
        Field(
            "policy",
            ("policy name", "privacy policy", "consent", "beleid", "privacybeleid", "privacyverklaring", "toestemming",
             "richtlinie", "datenschutzerklaerung", "datenschutzerklarung", "einwilligung", "politique",
             "politique de confidentialite", "consentement"),
            required=True,
        ),
        Field(
            "grantedAt",
            ("granted", "granted on", "given at", "agreed at", "accepted at", "date", "consent date", "gegeven op",
             "akkoord op", "toestemming op", "erteilt am", "zugestimmt am", "datum", "accorde le", "accepte le"),
            required=True,
        ),
        Field(
            "expiresAt",
            ("expires", "expires on", "expiry", "expiry date", "valid until", "verloopt op", "geldig tot",
             "gueltig bis", "gultig bis", "laeuft ab am", "expire le", "valable jusqu au"),
        ),
        Field(
            "withdrawnAt",
            ("withdrawn", "withdrawn on", "revoked at", "revoked on", "opt out at", "ingetrokken op", "widerrufen am",
             "retire le", "revoque le"),
        ),
        Field("source", ("origin", "bron", "herkomst", "quelle", "herkunft", "origine")),
    ),
)  # fmt: skip


def parser(columns: Columns, _: str | None) -> Parse:
    cells = Cells(columns)

    def parse(record: Record) -> Row:
        row = cells.read(record)
        external_id = row.id("externalId")
        policy = required_text(given(row["policy"]), "policy", LONGEST_POLICY)
        granted_at = given(row.moment("grantedAt"))
        if granted_at is None:
            raise InvalidValueError("grantedAt", "is missing")
        expires_at, withdrawn_at = row.moment("expiresAt"), row.moment("withdrawnAt")
        demand_order(granted_at, expires_at, "expiresAt", "is before grantedAt")
        demand_order(granted_at, withdrawn_at, "withdrawnAt", "is before grantedAt")
        values = (policy, granted_at, expires_at, withdrawn_at, row.text("source", LONGEST_SOURCE))
        return Row(record, (external_id, policy.casefold()), values)

    return parse


async def write(tx: Transaction, account: Account, rows: Sequence[Row]) -> Outcome[Row]:
    """Keeps consents, and changes those that differ. Memberships that rested on what was changed end.

    What was said later stands: a row about a consent given before it fails.
    """
    outcome: Outcome[Row] = Outcome()
    policies = {row["name"].casefold(): row["id"] for row in await tx.fetch(POLICIES, tx.account_id)}
    found = await known_candidates(tx, account, rows, outcome, ("externalId",))
    wanted: dict[tuple[UUID, UUID], Row] = {}
    for row, candidate_id in found:
        policy_id = policies.get(row.key[1])
        if policy_id is None:
            outcome.refuse(row, UnknownExternalIdError(("policy",), "privacy policy", row.values[0]))
        else:
            wanted[candidate_id, policy_id] = row
    candidate_ids = list({candidate_id for candidate_id, _ in wanted})
    known = {tuple(old)[:2]: old for old in await tx.bulk(KNOWN, tx.account_id, candidate_ids)}
    new = [(tx.account_id, *ids, *map(given, row.values[1:])) for ids, row in wanted.items() if ids not in known]
    await tx.copy("consent", COLUMNS, new)
    outcome.created += len(new)
    await _change(tx, [(known[ids], row) for ids, row in wanted.items() if ids in known], outcome)
    return outcome


async def _change(tx: Transaction, pairs: Sequence[tuple[DatabaseRow, Row]], outcome: Outcome[Row]) -> None:
    changed: list[tuple[Any, ...]] = []
    for old, row in pairs:
        _, granted_at, expires_at, withdrawn_at, source = row.values
        if withdrawn_at is ABSENT and granted_at == old["granted_at"]:
            withdrawn_at = old["withdrawn_at"]
        if stands := later_word(old, granted_at, given(withdrawn_at)):
            outcome.refuse(row, InvalidInputError(("grantedAt",), stands))
            continue
        given_anew = granted_at != old["granted_at"]
        before = tuple(old)
        after = (
            old["candidate_id"],
            old["policy_id"],
            granted_at,
            _kept(expires_at, None if given_anew else old["expires_at"]),
            _kept(withdrawn_at, None if given_anew else old["withdrawn_at"]),
            _kept(source, old["source"]),
        )
        if after == before:
            outcome.unchanged += 1
        else:
            changed.append(after)
    if changed:
        await tx.bulk(UPDATE, tx.account_id, *map(list, zip(*changed, strict=True)))
        await end_lost_memberships(tx, [row[0] for row in changed], CAUSE)
    outcome.updated += len(changed)


def _kept(value: Any, otherwise: Any) -> Any:
    return otherwise if value is ABSENT else value


CONSENTS = Kind(SHAPE, ("externalId", "policy"), parser, write)
