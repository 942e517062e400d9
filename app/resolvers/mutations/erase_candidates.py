"""eraseCandidates"""

from typing import Any

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import erasures
from app.domain.names import many_ids
from app.resolvers.changing import Result, change, kept
from app.schema.payloads import EndingPayload, ItemsPayload


@strawberry.input(description="People to be erased.")
class EraseCandidatesInput:
    candidate_ids: list[strawberry.ID] = strawberry.field(
        description=(
            "At most 1,000. Who is not found, because they were erased before or never were, is refused as NOT_FOUND"
            " and the others are done."
        )
    )


@strawberry.type(
    description=(
        "The outcome of eraseCandidates. Memberships ended and their endpoints are free. Past operations keep their"
        " counts, and addresses that are suppressed stay so; nothing else is left of the people, but for a salted hash"
        " of their external ids, by which they are refused as ERASED if they are sent again."
    )
)
class EraseCandidatesPayload(ItemsPayload, EndingPayload):
    @strawberry.field(description="How many people were erased.")
    def erased_count(self: Any) -> int:
        return self.erased_count or 0


async def erase_candidates(info: Info[Context, None], input: EraseCandidatesInput) -> EraseCandidatesPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        ids = many_ids(input.candidate_ids, erasures.CANDIDATE_IDS, context.settings.max_ids)
        outcome = await erasures.erase(tx, ids, context.principal.subject)
        return kept(outcome, removed_membership_count=outcome.ended, erased_count=len(outcome.candidate_ids))

    return await change(info, Permission.SYNC_CANDIDATES, work)
