"""setRequiredPolicies"""

from typing import Any

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import requirements
from app.domain.names import many_ids
from app.resolvers.changing import Result, change
from app.resolvers.loaders.segments import operations_by_id
from app.schema.enums import Channel
from app.schema.operation import MembershipOperation
from app.schema.payloads import EndingPayload
from app.schema.policy import PrivacyPolicy


@strawberry.input(description="The policies that the segments of a channel shall demand.")
class SetRequiredPoliciesInput:
    channel: Channel = strawberry.field(description="The channel whose segments shall demand them.")
    policy_ids: list[strawberry.ID] = strawberry.field(
        description="Every policy it shall demand, and no other; none lets everybody in who has an address."
    )
    expected_lost_count: int | None = strawberry.field(
        default=None,
        description=(
            "How many memberships the user saw would end, as requiredPoliciesPreview says. LOST_COUNT_CHANGED, with"
            " nothing done, when another number would end now."
        ),
    )


@strawberry.type(
    description=(
        "The outcome of setRequiredPolicies. Nobody joins by it. Up to 5,000 memberships end with it; of more, nobody"
        " sees or contacts those who have to leave from now on, and operations in the background end their memberships"
        " and free their endpoints."
    )
)
class SetRequiredPoliciesPayload(EndingPayload):
    @strawberry.field(description="The policies that the channel demands now; none when the mutation failed.")
    async def policies(self: Any, info: Info) -> list[PrivacyPolicy]:
        policies = await info.context.policies()
        found: list[Any] = [row for id, row in policies.items() if id in self.policy_ids]
        return found

    @strawberry.field(
        description=(
            "The operations that ended memberships, or that will, one for each segment that loses members: the one that"
            " loses the most first."
        )
    )
    async def operations(self: Any, info: Info) -> list[MembershipOperation]:
        rows = await operations_by_id(info.context, self.operation_ids)
        found: list[Any] = [rows[id] for id in self.operation_ids if id in rows]
        return found


async def set_required_policies(
    info: Info[Context, None], input: SetRequiredPoliciesInput
) -> SetRequiredPoliciesPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        policy_ids = many_ids(input.policy_ids, requirements.POLICY_IDS, context.settings.max_ids)
        demanded = await requirements.demand(
            tx, input.channel, policy_ids, input.expected_lost_count, context.principal.subject, context.settings
        )
        return Result(
            policy_ids=tuple(id for id in policy_ids if id),
            operation_ids=demanded.operation_ids,
            removed_membership_count=demanded.ended,
        )

    return await change(info, Permission.MANAGE_ACCOUNT, work)
