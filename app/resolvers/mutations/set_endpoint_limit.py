"""setEndpointLimit"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import contracts
from app.resolvers.changing import Result, change
from app.schema.payloads import QuotaPayload


@strawberry.input(description="What the contract in force is to allow.")
class SetEndpointLimitInput:
    endpoint_limit: int = strawberry.field(
        description=(
            "Endpoints over both channels together, 0 or more. It may be less than what is used: nothing is taken"
            " away, and no new endpoint comes into use until there is room again."
        )
    )


@strawberry.type(description="The outcome of setEndpointLimit. CONTRACT_INACTIVE when no contract is in force today.")
class SetEndpointLimitPayload(QuotaPayload):
    pass


async def set_endpoint_limit(info: Info[Context, None], input: SetEndpointLimitInput) -> SetEndpointLimitPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        return Result(contract_id=await contracts.set_limit(tx, input.endpoint_limit))

    return await change(info, Permission.MANAGE_ACCOUNT, work)
