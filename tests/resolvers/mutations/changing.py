"""Sends a mutation and reads its payload."""

from typing import Any
from uuid import uuid4

from tests.client import Client
from tests.world import World

FAILURES = """
fragment Failures on UserError {
  __typename code message path
  ... on NameTakenError { segment { id name } }
  ... on QuotaExceededError { limit used reserved remaining needed }
  ... on SearchResultsChangedError { expectedCount actualCount }
}
"""


async def change(client: Client, mutation: str, **input: Any) -> dict[str, Any]:
    """The payload of a mutation that must succeed."""
    payload = await _send(client, mutation, input)
    assert payload["userErrors"] == []
    return payload


async def failures(client: Client, mutation: str, **input: Any) -> list[dict[str, Any]]:
    """The user errors of a mutation that must fail, with nothing else in its payload but what is used of the quota."""
    payload = await _send(client, mutation, input)
    found: list[dict[str, Any]] = payload["userErrors"]
    assert found
    assert not any(payload[field] for field in payload.keys() - {"userErrors", "quotaUsage"})
    return found


async def failure(client: Client, mutation: str, **input: Any) -> dict[str, Any]:
    """The one user error of a mutation that must fail."""
    found = await failures(client, mutation, **input)
    assert len(found) == 1, found
    return found[0]


async def _send(client: Client, mutation: str, input: dict[str, Any]) -> dict[str, Any]:
    data = await client.data(mutation + FAILURES, input=input)
    payload: dict[str, Any]
    (payload,) = data.values()
    return payload


async def absent_segments(world: World, other_world: World) -> list[str]:
    """Ids of no segment of this account: foreign, unknown, malformed, and of something else."""
    foreign = await other_world.segment()
    return [str(foreign), str(uuid4()), "no-id", "", "ü", str(uuid4()).replace("-", ""), str(await world.candidate())]


NO_SUCH_SEGMENT = {
    "__typename": "NotFoundError",
    "code": "NOT_FOUND",
    "message": "There is no segment with this id.",
    "path": ["input", "segmentId"],
}
