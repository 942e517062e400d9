"""renamePrivacyPolicy"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import policies
from app.domain.names import one_id
from app.resolvers.changing import Result, change
from app.schema.payloads import PolicyPayload


@strawberry.input(description="Another name for a privacy policy.")
class RenamePrivacyPolicyInput:
    policy_id: strawberry.ID = strawberry.field(description="The privacy policy.")
    name: str = strawberry.field(description="The new name, as createPrivacyPolicy takes it.")


@strawberry.type(description="The outcome of renamePrivacyPolicy. What candidates accepted, they accepted still.")
class RenamePrivacyPolicyPayload(PolicyPayload):
    pass


async def rename_privacy_policy(
    info: Info[Context, None], input: RenamePrivacyPolicyInput
) -> RenamePrivacyPolicyPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        policy_id = one_id(input.policy_id, policies.POLICY_ID, "privacy policy")
        await policies.rename(tx, policy_id, input.name)
        return Result(policy_id=policy_id)

    return await change(info, Permission.MANAGE_ACCOUNT, work)
