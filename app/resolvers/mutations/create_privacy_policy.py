"""createPrivacyPolicy"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import policies
from app.resolvers.changing import Result, change
from app.schema.payloads import PolicyPayload


@strawberry.input(description="A privacy policy to be made.")
class CreatePrivacyPolicyInput:
    name: str = strawberry.field(
        description="1 to 200 characters after trimming, none of them a control character; unique, whatever its case."
    )


@strawberry.type(description="The outcome of createPrivacyPolicy.")
class CreatePrivacyPolicyPayload(PolicyPayload):
    pass


async def create_privacy_policy(
    info: Info[Context, None], input: CreatePrivacyPolicyInput
) -> CreatePrivacyPolicyPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        return Result(policy_id=await policies.create(tx, input.name, context.settings))

    return await change(info, Permission.MANAGE_ACCOUNT, work)
