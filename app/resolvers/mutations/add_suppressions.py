"""addSuppressions"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import suppressions
from app.domain.items import demand_few
from app.domain.suppressions import Address
from app.resolvers.changing import Result, change, kept
from app.schema.enums import Channel
from app.schema.payloads import CandidatesPayload, EndingPayload


@strawberry.input(description="An address that must not be contacted, whoever has it.")
class SuppressionInput:
    channel: Channel = strawberry.field(description="The channel whose messages must not go there.")
    address: str = strawberry.field(
        description=(
            "For EMAIL an e-mail address, whatever its case; for SMS a phone number with its calling code, as in"
            " +31612345678."
        )
    )
    reason: str = strawberry.field(description="Why not, for people, in 1 to 500 characters.")


@strawberry.input(description="Addresses to be suppressed.")
class AddSuppressionsInput:
    suppressions: list[SuppressionInput] = strawberry.field(
        description="At most 1,000. One that is suppressed already stays as it is, with its first reason."
    )


@strawberry.type(
    description=(
        "The outcome of addSuppressions. Whoever has one of the addresses is left out of segments of its channel from"
        " now on, and nobody sees the memberships in these any more."
    )
)
class AddSuppressionsPayload(CandidatesPayload, EndingPayload):
    pass


async def add_suppressions(info: Info[Context, None], input: AddSuppressionsInput) -> AddSuppressionsPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        demand_few(input.suppressions, suppressions.SUPPRESSIONS, context.settings.max_synced)
        given = [Address(each.channel, each.address, each.reason) for each in input.suppressions]
        added, outcome = await suppressions.add(tx, given, context.principal.subject)
        return kept(outcome, suppressed_count=added, removed_membership_count=outcome.ended)

    return await change(info, Permission.MANAGE_ACCOUNT, work)
