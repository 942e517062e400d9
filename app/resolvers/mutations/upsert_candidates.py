"""upsertCandidates"""

from collections.abc import Sequence
from typing import Any

import strawberry
from strawberry.types import Info

from app.context import Context
from app.database import Transaction
from app.domain.candidates import FIELDS
from app.domain.sync import candidates
from app.domain.sync.items import ABSENT, Outcome
from app.engine.batch import batch_field
from app.resolvers.loaders.candidates import candidates_in_order
from app.resolvers.syncing import Fields, Kind, Said, sync
from app.schema.candidate import Candidate
from app.schema.flat import flat_input
from app.schema.payloads import UpsertPayload

CAUSE = "A sync changed an e-mail address or a verified mobile number."

CREATED_AT = (ABSENT,)
"""The graph says nothing of when candidates were created: the last of the values."""


@flat_input(
    "A candidate as the applicant tracking system knows them. A field that is left out keeps what is known; null"
    " and blank text clear it. Space around texts is taken off."
)
class CandidateInput:
    external_id: str = strawberry.field(
        description="The candidate's id in the applicant tracking system, 1 to 200 characters; capitals count."
    )
    first_name: str = strawberry.field(description="Given name or names, 1 to 200 characters.")
    last_name: str = strawberry.field(description="Last name with its prefixes, 1 to 200 characters.")
    email: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "The e-mail address, at most 254 characters; several candidates may have the same. Memberships of EMAIL"
            " segments end when it goes."
        ),
    )
    mobile: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The mobile number as typed in, at most 100 characters. It is never texted.",
    )
    verified_mobile: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "The mobile number that was verified, with its calling code; kept in E.164. Memberships of SMS segments"
            " end when it goes."
        ),
    )
    city: str | None = strawberry.field(
        default=strawberry.UNSET, description="Where the candidate lives, at most 200 characters."
    )
    country: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The country, best as two letters of ISO 3166; at most 200 characters.",
    )
    headline: str | None = strawberry.field(
        default=strawberry.UNSET, description="What the candidate says to be, at most 500 characters."
    )
    skills: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="All that the candidate can do: at most 50, each of at most 100 characters.",
    )


@strawberry.input(description="What the applicant tracking system knows of candidates.")
class UpsertCandidatesInput:
    candidates: list[CandidateInput] = strawberry.field(
        description="At most 1,000. Of several with the same externalId the last one without errors counts alone."
    )


@strawberry.type(
    description=(
        "The outcome of upsertCandidates. What is known already is not written again: those candidates are neither"
        " created nor updated, and their updatedAt stays."
    )
)
class UpsertCandidatesPayload(UpsertPayload):
    candidates: list[Candidate] = batch_field(
        candidates_in_order,
        key="ids",
        description="Those without errors as they are now, changed or not, each once, in the order of the input.",
    )


def _read(item: CandidateInput, fields: Fields) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    values = tuple(fields.read(each.check, getattr(item, each.column), each.name, None) for each in FIELDS)
    return values[:1], values + CREATED_AT


async def _keep(tx: Transaction, context: Context, items: Sequence[Said]) -> Outcome[Said]:
    return await candidates.keep(tx, context.account, items, CAUSE, context.principal.subject)


CANDIDATES = Kind("candidates", _read, _keep)


async def upsert_candidates(info: Info[Context, None], input: UpsertCandidatesInput) -> UpsertCandidatesPayload:
    payload: UpsertCandidatesPayload = await sync(info, CANDIDATES, input.candidates)
    return payload
