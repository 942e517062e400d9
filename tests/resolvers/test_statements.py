"""The number of statements of a query does not depend on the number of rows."""

from app.models import Channel
from tests.client import Client
from tests.world import GENERAL, World

DEEP = """{
  segments(first: 20) { nodes {
    name channel memberCount lastModifiedAt
    members(first: 5) { edges { addedAt node {
      fullName
      eligibility(channel: SMS) { eligible reasons { code policy { name } } }
      consents { active policy { name } }
    } } }
  } }
}"""


async def test_segments_with_members_their_eligibility_and_consents_take_six_statements(
    client: Client, world: World, statements: list[str]
) -> None:
    candidates = await world.candidates(3) + await world.candidates(3, {GENERAL: {}})
    await client.data("{ viewer { subject } }")  # The account of a token is looked up once per process.
    counts = []
    for more in (1, 19):
        for _ in range(more):
            await world.add(await world.segment(channel=Channel.EMAIL), candidates)
        statements.clear()
        data = await client.data(DEEP)
        counts.append(len(statements))
    assert len(data["segments"]["nodes"]) == 20
    assert all(len(segment["members"]["edges"]) == 5 for segment in data["segments"]["nodes"])
    assert counts == [6, 6], statements
