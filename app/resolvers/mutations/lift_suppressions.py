"""liftSuppressions"""

from typing import Any

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import suppressions
from app.domain.items import Kept, demand_few
from app.domain.suppressions import Address
from app.resolvers.changing import Result, change, kept
from app.schema.enums import Channel
from app.schema.payloads import ItemsPayload


@strawberry.input(description="An address that may be contacted again.")
class LiftedSuppressionInput:
    channel: Channel = strawberry.field(description="The channel whose messages may go there again.")
    address: str = strawberry.field(description="The address, as addSuppressions takes it.")


@strawberry.input(description="Suppressions to be lifted.")
class LiftSuppressionsInput:
    suppressions: list[LiftedSuppressionInput] = strawberry.field(
        description="At most 1,000. An address that is not suppressed stays as it is."
    )


@strawberry.type(
    description=(
        "The outcome of liftSuppressions. Whoever has one of the addresses may join segments again, and joins none by"
        " this."
    )
)
class LiftSuppressionsPayload(ItemsPayload):
    @strawberry.field(description="How many addresses were suppressed and are no more.")
    def lifted_count(self: Any) -> int:
        return self.lifted_count or 0


async def lift_suppressions(info: Info[Context, None], input: LiftSuppressionsInput) -> LiftSuppressionsPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        demand_few(input.suppressions, suppressions.SUPPRESSIONS, context.settings.max_synced)
        given = [Address(each.channel, each.address) for each in input.suppressions]
        lifted, refused = await suppressions.lift(tx, given)
        return kept(Kept(refused=tuple(refused)), lifted_count=lifted)

    return await change(info, Permission.MANAGE_ACCOUNT, work)
