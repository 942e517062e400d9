"""withdrawConsents"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import consents
from app.domain.names import many_ids, uuid
from app.resolvers.changing import Result, change, kept
from app.schema.payloads import CandidatesPayload, EndingPayload


@strawberry.input(description="Candidates who take back their consent to a privacy policy.")
class WithdrawConsentsInput:
    candidate_ids: list[strawberry.ID] = strawberry.field(
        description=(
            "At most 1,000. Who is not found is refused as NOT_FOUND and the others are done. Who never accepted the"
            " policy, or withdrew before, stays as they are."
        )
    )
    policy_id: strawberry.ID = strawberry.field(
        description="The privacy policy. NOT_FOUND when there is none with this id: nothing is done then."
    )


@strawberry.type(description="The outcome of withdrawConsents. The memberships that rested on them are over at once.")
class WithdrawConsentsPayload(CandidatesPayload, EndingPayload):
    pass


async def withdraw_consents(info: Info[Context, None], input: WithdrawConsentsInput) -> WithdrawConsentsPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        ids = many_ids(input.candidate_ids, consents.CANDIDATE_IDS, context.settings.max_ids)
        outcome = await consents.withdraw(tx, ids, uuid(input.policy_id), context.principal.subject)
        return kept(outcome, removed_membership_count=outcome.ended)

    return await change(info, Permission.SYNC_CANDIDATES, work)
