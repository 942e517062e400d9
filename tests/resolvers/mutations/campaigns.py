"""What the tests of campaigns have in common."""

from typing import Any
from uuid import UUID

from tests.client import Client
from tests.resolvers.mutations.changing import change
from tests.world import World

CAMPAIGN = """campaign {
  id name channel createdAt includedSegments { id name } excludedSegments { id name }
}"""

CREATE = (
    "mutation Create($input: CreateCampaignInput!) { createCampaign(input: $input) { "
    + CAMPAIGN
    + " userErrors { ...Failures } } }"
)

SET = (
    "mutation Set($input: SetCampaignSegmentsInput!) { setCampaignSegments(input: $input) { "
    + CAMPAIGN
    + " userErrors { ...Failures } } }"
)

OF_ALL = "{ campaigns(first: 100) { nodes { id name includedSegments { id } excludedSegments { id } } } }"


def texts(*ids: UUID) -> list[str]:
    return [str(id) for id in ids]


async def create(client: Client, name: str = "Spring", channel: str = "EMAIL", **more: Any) -> dict[str, Any]:
    campaign: dict[str, Any] = (await change(client, CREATE, name=name, channel=channel, **more))["campaign"]
    return campaign


async def campaigns(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.data(OF_ALL))["campaigns"]["nodes"]
    return found


async def archive(world: World, segment_id: UUID) -> None:
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1 AND id = $2", segment_id)
