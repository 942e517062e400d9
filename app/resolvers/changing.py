"""What every mutation has in common: permission, one transaction, expected failures in the payload."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Ahead, Transaction
from app.domain.errors import DomainError, RefusedError
from app.domain.idempotency import Done
from app.domain.items import Kept
from app.resolvers.auditing import write_down
from app.schema.errors import Failure


@dataclass(frozen=True, slots=True)
class Result:
    """What a mutation made or touched, for its payload to read when it is asked for."""

    segment_id: UUID | None = None
    operation_id: UUID | None = None
    deleted_segment_id: UUID | None = None
    campaign_id: UUID | None = None
    deleted_campaign_id: UUID | None = None
    policy_id: UUID | None = None
    policy_ids: tuple[UUID, ...] = ()
    operation_ids: tuple[UUID, ...] = ()
    candidate_ids: tuple[UUID, ...] = ()
    removed_membership_count: int | None = None
    erased_count: int | None = None
    suppressed_count: int | None = None
    lifted_count: int | None = None
    contract_id: UUID | None = None
    user_errors: tuple[Failure, ...] = ()


async def change(
    info: Info[Context, None],
    permission: Permission,
    work: Callable[[Transaction, Context], Awaitable[object]],
    ahead: Ahead | None = None,
) -> Any:
    """Does the work in one transaction, and writes it into the audit log when it changed anything. `ahead` comes before
    the account's turn (see `Database.write`).

    What it raises of the expected undoes all of it and is in the result.
    """
    context = info.context
    context.demand(permission)
    # What an earlier mutation of the same document read for its payload is not true of this one's.
    context.forget()
    try:
        async with context.database.write(context.account_id, ahead) as tx:
            result = await work(tx, context)
            await write_down(tx, info, result)
            return result
    except DomainError as error:
        return _failed(error)
    except RefusedError as refused:
        return _failed(*refused.errors)


def made(done: Done, **ids: Any) -> Result:
    """The result of work done once: nothing but its failures, when it failed."""
    return _failed(*done.errors) if done.errors else Result(**ids)


def kept(outcome: Kept, **more: Any) -> Result:
    """The result of work on many items, of which some may have been refused."""
    return Result(
        candidate_ids=outcome.candidate_ids,
        user_errors=tuple(Failure(error) for error in outcome.refused),
        **more,
    )


def _failed(*errors: DomainError) -> Result:
    return Result(user_errors=tuple(Failure(error) for error in errors))
