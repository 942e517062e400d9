"""upsertCandidateLists"""

from collections.abc import Sequence
from typing import Any

import strawberry
from strawberry.types import Info

from app.context import Context
from app.database import Transaction
from app.domain.candidates import LONGEST_NAME, required_text
from app.domain.sync import candidate_lists
from app.domain.sync.items import Outcome
from app.engine.batch import batch_field
from app.resolvers.loaders.vacancies import candidate_lists_in_order
from app.resolvers.syncing import Fields, Kind, Said, sync
from app.schema.flat import flat_input
from app.schema.payloads import UpsertPayload
from app.schema.vacancy import CandidateList


@flat_input("A candidate list as the applicant tracking system knows it, without those who are on it.")
class CandidateListInput:
    external_id: str = strawberry.field(
        description="The list's id in the applicant tracking system, 1 to 200 characters; capitals count."
    )
    name: str = strawberry.field(
        description="What the list is called, 1 to 200 characters; several may be called the same."
    )


@strawberry.input(description="What the applicant tracking system knows of candidate lists.")
class UpsertCandidateListsInput:
    candidate_lists: list[CandidateListInput] = strawberry.field(
        description="At most 1,000. Of several with the same externalId the last one without errors counts alone."
    )


@strawberry.type(
    description="The outcome of upsertCandidateLists. What is known already is neither created nor updated again."
)
class UpsertCandidateListsPayload(UpsertPayload):
    candidate_lists: list[CandidateList] = batch_field(
        candidate_lists_in_order,
        key="ids",
        description="Those without errors as they are now, changed or not, each once, in the order of the input.",
    )


def _read(item: CandidateListInput, fields: Fields) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return (fields.id(item.external_id),), (fields.read(required_text, item.name, "name", LONGEST_NAME),)


async def _keep(tx: Transaction, _: Context, items: Sequence[Said]) -> Outcome[Said]:
    return await candidate_lists.keep(tx, items)


CANDIDATE_LISTS = Kind("candidateLists", _read, _keep)


async def upsert_candidate_lists(
    info: Info[Context, None], input: UpsertCandidateListsInput
) -> UpsertCandidateListsPayload:
    payload: UpsertCandidateListsPayload = await sync(info, CANDIDATE_LISTS, input.candidate_lists)
    return payload
