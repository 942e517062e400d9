"""renewContract"""

from datetime import date

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import contracts
from app.domain.idempotency import once
from app.domain.names import idempotency_key
from app.engine.batch import batch_field
from app.resolvers.changing import Result, change, made
from app.resolvers.loaders.accounts import contracts_by_id
from app.schema.account import Contract
from app.schema.payloads import QuotaPayload


@strawberry.input(
    description=(
        "A contract beside those there are. They may overlap: of those whose dates include today, the one that starts"
        " last is in force."
    )
)
class RenewContractInput:
    name: str = strawberry.field(
        description="1 to 200 characters after trimming, none of them a control character. Kept in Unicode NFC."
    )
    endpoint_limit: int = strawberry.field(description="Endpoints over both channels together, 0 or more.")
    starts_on: date = strawberry.field(
        description="The first day it is in force, in UTC, past or future; no other contract starts on the same day."
    )
    ends_on: date = strawberry.field(description="The last day it is in force, in UTC: not before it starts or today.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="1 to 200 characters. The same key with the same input gives the first outcome, done once.",
    )


@strawberry.type(description="The outcome of renewContract.")
class RenewContractPayload(QuotaPayload):
    contract: Contract | None = batch_field(
        contracts_by_id, key="contract_id", description="The contract that was made; null when the mutation failed."
    )


async def renew_contract(info: Info[Context, None], input: RenewContractInput) -> RenewContractPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        key = idempotency_key(input.idempotency_key)
        done = await once(
            tx,
            key,
            "renewContract",
            input,
            lambda: contracts.renew(tx, input.name, input.endpoint_limit, input.starts_on, input.ends_on),
        )
        return made(done, contract_id=done.id)

    return await change(info, Permission.MANAGE_ACCOUNT, work)
