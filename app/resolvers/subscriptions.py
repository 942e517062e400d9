"""The root fields that are followed: each tells what is, and again when it has changed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

import strawberry
from asyncpg import Record
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.domain import operations, quota
from app.domain.errors import NotFoundError
from app.domain.names import uuid
from app.schema.account import QuotaUsage
from app.schema.operation import MembershipOperation

Asked = Info[Context, None]


@strawberry.type(
    description="What can be followed, over WebSocket (graphql-transport-ws) or server-sent events. Needs READ."
)
class Subscription:
    @strawberry.subscription(
        description=(
            "The operation now, and again at every step until it has finished. NOT_FOUND when the account has none with"
            " this id."
        )
    )
    async def operation(
        self, info: Asked, id: Annotated[strawberry.ID, strawberry.argument(description="The operation's id.")]
    ) -> AsyncGenerator[MembershipOperation]:
        context = _follower(info)
        wanted = uuid(id)

        async def read() -> Record:
            found = await _operation(context, wanted)
            if found is None:
                raise NotFoundError(("id",))
            return found

        async with aclosing(context.following.follow(context.account_id, ("operation", wanted), read)) as states:
            async for state in states:
                yield state
                if state["finished_at"] is not None:
                    return

    @strawberry.subscription(
        description=(
            "The contract in force and what is used of it: now, and again whenever that changes. CONTRACT_INACTIVE ends"
            " it when none is in force."
        )
    )
    async def quota_usage(self, info: Asked) -> AsyncGenerator[QuotaUsage]:
        context = _follower(info)

        async def read() -> Record:
            return await quota.usage(context.database, context.account_id)

        async with aclosing(context.following.follow(context.account_id, "quota usage", read)) as states:
            async for state in states:
                yield state


def _follower(info: Asked) -> Context:
    info.context.demand(Permission.READ)
    return info.context


async def _operation(context: Context, id: UUID | None) -> Record | None:
    return None if id is None else (await operations.by_id(context.database, context.account_id, [id])).get(id)
