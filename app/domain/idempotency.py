"""The same key with the same input gives the first outcome; with another input it is refused."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import orjson

from app.database import Transaction
from app.domain import errors
from app.domain.errors import DomainError, IdempotencyKeyReusedError, RefusedError

FIRST = """
-- The first outcome under this key.
SELECT input_hash, outcome FROM idempotency_key WHERE account_id = $1 AND key = $2
"""

KEEP = """
-- Keep the first outcome under this key.
INSERT INTO idempotency_key (account_id, key, input_hash, outcome, created_at) VALUES ($1, $2, $3, $4, $5)
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of the work: the id of what it made, or the failures it met."""

    id: UUID | None
    errors: tuple[DomainError, ...] = ()


async def once(
    tx: Transaction, key: str | None, mutation: str, input: Any, work: Callable[[], Awaitable[UUID]]
) -> Done:
    """Does the work, unless it was done under this key before: then what came of it then.

    Without a key its failures are raised. Raises IdempotencyKeyReusedError when the key came with another mutation
    or input.
    """
    if key is None:
        return Done(await work())
    hashed = _hash(mutation, input)
    first = await tx.fetchrow(FIRST, tx.account_id, key)
    if first is not None:
        if first["input_hash"] != hashed:
            raise IdempotencyKeyReusedError(("input", "idempotencyKey"))
        return _read(first["outcome"])
    try:
        async with tx.part():
            done = Done(await work())
    except DomainError as error:
        done = Done(None, (error,))
    except RefusedError as refused:
        done = Done(None, tuple(refused.errors))
    await tx.fetch(KEEP, tx.account_id, key, hashed, _written(done), tx.now)
    return done


async def is_known(tx: Transaction, key: str | None) -> bool:
    """Whether something was done under this key before."""
    return key is not None and await tx.fetchrow(FIRST, tx.account_id, key) is not None


def _written(done: Done) -> dict[str, Any]:
    return {"id": done.id and str(done.id), "errors": [_written_error(error) for error in done.errors]}


def _written_error(error: DomainError) -> dict[str, Any]:
    values = {field.name: getattr(error, field.name) for field in fields(error)}
    # asyncpg's ids are a subclass of UUID, which orjson does not write.
    plain = {name: str(value) if isinstance(value, UUID) else value for name, value in values.items()}
    return {"type": type(error).__name__, **plain}


def _read(outcome: dict[str, Any]) -> Done:
    return Done(UUID(outcome["id"]) if outcome["id"] else None, tuple(_read_error(each) for each in outcome["errors"]))


def _read_error(written: dict[str, Any]) -> DomainError:
    values = dict(written)
    kind: type[DomainError] = getattr(errors, values.pop("type"))
    values["path"] = tuple(values["path"])
    if values.get("segment_id"):
        values["segment_id"] = UUID(values["segment_id"])
    return kind(**values)


def _hash(mutation: str, input: Any) -> bytes:
    written = orjson.dumps([mutation, input], option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_DATACLASS, default=str)
    return hashlib.sha256(written).digest()
