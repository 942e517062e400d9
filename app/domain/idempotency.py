"""The same key with the same input gives the first outcome; with another input it is refused."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import fields
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


async def once(
    tx: Transaction, key: str | None, mutation: str, input: Any, work: Callable[[], Awaitable[UUID]]
) -> UUID:
    """Does the work, unless it was done before under this key: then its id, or its failure, comes back.

    Raises IdempotencyKeyReusedError when the key came with another mutation or input.
    """
    if key is None:
        return await work()
    hashed = _hash(mutation, input)
    first = await tx.fetchrow(FIRST, tx.account_id, key)
    if first is not None:
        if first["input_hash"] != hashed:
            raise IdempotencyKeyReusedError(("input", "idempotencyKey"))
        return _outcome(first["outcome"])
    outcome: dict[str, Any]
    try:
        async with tx.part():
            outcome = {"id": str(await work())}
    except DomainError as error:
        outcome = {"errors": [_written(error)]}
    except RefusedError as refused:
        outcome = {"errors": [_written(error) for error in refused.errors]}
    await tx.fetch(KEEP, tx.account_id, key, hashed, outcome, tx.now)
    return _outcome(outcome)


class KeptFailureError(RefusedError):
    """The first outcome under an idempotency key was a failure, and that is kept."""


def _outcome(outcome: dict[str, Any]) -> UUID:
    if "id" in outcome:
        return UUID(outcome["id"])
    raise KeptFailureError([_read(written) for written in outcome["errors"]])


def _written(error: DomainError) -> dict[str, Any]:
    return {"type": type(error).__name__, "fields": {field.name: getattr(error, field.name) for field in fields(error)}}


def _read(written: dict[str, Any]) -> DomainError:
    values = dict(written["fields"])
    values["path"] = tuple(values["path"])
    if values.get("segment_id") is not None:
        values["segment_id"] = UUID(values["segment_id"])
    kind: type[DomainError] = getattr(errors, written["type"])
    return kind(**values)


def _hash(mutation: str, input: Any) -> bytes:
    written = orjson.dumps([mutation, input], option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_DATACLASS, default=str)
    return hashlib.sha256(written).digest()
