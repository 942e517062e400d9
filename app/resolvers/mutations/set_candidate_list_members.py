"""setCandidateListMembers"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain.candidates import LONGEST_EXTERNAL_ID, InvalidValueError, required_text
from app.domain.errors import DomainError, InvalidInputError, UnknownExternalIdError
from app.domain.sync import candidate_lists
from app.engine.batch import batch_field
from app.resolvers.changing import change
from app.resolvers.loaders.vacancies import candidate_lists_by_id
from app.resolvers.syncing import Place, Said, failures, too_many
from app.schema.enums import CandidateListMode
from app.schema.errors import Failure, UserError
from app.schema.payloads import Payload
from app.schema.vacancy import CandidateList

LIST = ("input", "listExternalId")
CANDIDATES = ("input", "candidateExternalIds")


@strawberry.input(description="Who is on a candidate list of the applicant tracking system.")
class SetCandidateListMembersInput:
    list_external_id: str = strawberry.field(
        description="The list's id in the applicant tracking system; upsertCandidateLists makes it known."
    )
    candidate_external_ids: list[str] = strawberry.field(
        description=(
            "Candidates by their ids in the applicant tracking system, at most 1,000; one named twice counts once."
        )
    )
    mode: CandidateListMode = strawberry.field(
        default=CandidateListMode.REPLACE,
        description=(
            "What becomes of them. A list of more than 1,000 is set by REPLACE with the first 1,000 and ADD for the"
            " rest, or kept by ADD and REMOVE alone."
        ),
    )


@strawberry.type(description="The outcome of setCandidateListMembers.")
class SetCandidateListMembersPayload(Payload):
    candidate_list: CandidateList | None = batch_field(
        candidate_lists_by_id, key="list_id", description="The list as it is now; null when there is none."
    )
    added_count: int = strawberry.field(description="Candidates who are on the list now and were not before.")
    removed_count: int = strawberry.field(description="Candidates who were on the list and are no longer.")
    user_errors: list[UserError] = strawberry.field(
        description=(
            "What cannot be used. Without the list nothing was changed; candidates who are not known, erased or not"
            " named by a proper id are left out, and all others are dealt with."
        )
    )


@dataclass(frozen=True, slots=True)
class MembersSet:
    """What came of it, for the payload to read."""

    list_id: UUID | None = None
    added_count: int = 0
    removed_count: int = 0
    user_errors: tuple[Failure, ...] = ()


async def set_candidate_list_members(
    info: Info[Context, None], input: SetCandidateListMembersInput
) -> SetCandidateListMembersPayload:
    info.context.demand(Permission.SYNC_CANDIDATES)
    payload: SetCandidateListMembersPayload = await _set(info, input)
    return payload


async def _set(info: Info[Context, None], input: SetCandidateListMembersInput) -> Any:
    most = info.context.settings.max_synced
    if len(input.candidate_external_ids) > most:
        return _nothing(too_many(CANDIDATES, len(input.candidate_external_ids), most))
    said, errors = _read(input.candidate_external_ids)
    try:
        list_external_id = required_text(input.list_external_id, "listExternalId", LONGEST_EXTERNAL_ID)
    except InvalidValueError as problem:
        return _nothing(InvalidInputError(LIST, f"{problem}."), errors)

    async def work(tx: Transaction, context: Context) -> MembersSet:
        changed = await candidate_lists.change_members(tx, context.account, list_external_id, said, input.mode)
        if changed.list_id is None:
            return _nothing(UnknownExternalIdError(LIST, "candidate list", list_external_id), errors)
        errors.extend((item.index, error) for item, error in changed.refused)
        return MembersSet(changed.list_id, changed.added, changed.removed, failures(CANDIDATES, errors))

    return await change(info, Permission.SYNC_CANDIDATES, work)


def _read(external_ids: Sequence[str]) -> tuple[list[Said], list[Place]]:
    said: dict[str, Said] = {}
    errors: list[Place] = []
    for index, given in enumerate(external_ids):
        try:
            external_id = required_text(given, "externalId", LONGEST_EXTERNAL_ID)
        except InvalidValueError as found:
            errors.append((index, InvalidInputError((), f"An id {found.problem}.")))
        else:
            said.setdefault(external_id, Said(index, (external_id,), ()))
    return list(said.values()), errors


def _nothing(error: DomainError, errors: Sequence[Place] = ()) -> MembersSet:
    """Nothing was changed, for this reason; the ids are no better than they are."""
    return MembersSet(user_errors=(Failure(error), *failures(CANDIDATES, errors)))
