"""recordConsents"""

from datetime import datetime

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import consents
from app.domain.consents import Consent
from app.domain.items import demand_few
from app.domain.names import uuid
from app.resolvers.changing import Result, change, kept
from app.schema.payloads import CandidatesPayload


@strawberry.input(description="A candidate accepts a privacy policy.")
class ConsentInput:
    candidate_id: strawberry.ID = strawberry.field(description="The candidate.")
    policy_id: strawberry.ID = strawberry.field(description="The privacy policy.")
    granted_at: datetime | None = strawberry.field(
        default=None,
        description=(
            "When the candidate accepted, 1900 or later; now, when nothing is said. INVALID_INPUT when the"
            " candidate accepted or withdrew later than that: the later word stands."
        ),
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="When the consent runs out, not before `grantedAt`; never, when nothing is said.",
    )
    source: str | None = strawberry.field(
        default=None, description="Where the consent was given, in at most 200 characters."
    )


@strawberry.input(description="Consents to be kept.")
class RecordConsentsInput:
    consents: list[ConsentInput] = strawberry.field(
        description="At most 1,000. Of two of one candidate for one policy, the one granted later is kept."
    )


@strawberry.type(
    description=(
        "The outcome of recordConsents. Nobody joins a segment by it; memberships end when a consent is replaced by one"
        " that has expired or is yet to begin."
    )
)
class RecordConsentsPayload(CandidatesPayload):
    pass


async def record_consents(info: Info[Context, None], input: RecordConsentsInput) -> RecordConsentsPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        demand_few(input.consents, consents.CONSENTS, context.settings.max_synced)
        given = [
            Consent(uuid(each.candidate_id), uuid(each.policy_id), each.granted_at, each.expires_at, each.source)
            for each in input.consents
        ]
        outcome = await consents.record(tx, given, context.principal.subject)
        return kept(outcome, removed_membership_count=outcome.ended)

    return await change(info, Permission.SYNC_CANDIDATES, work)
