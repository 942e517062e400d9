"""deleteCampaign"""

from uuid import uuid4

from tests.client import Client
from tests.resolvers.mutations.campaigns import campaigns, create, texts
from tests.resolvers.mutations.changing import change, failure
from tests.world import World

DELETE = """mutation Delete($input: DeleteCampaignInput!) {
  deleteCampaign(input: $input) { deletedCampaignId userErrors { ...Failures } }
}"""


async def test_a_deleted_campaign_is_gone_and_its_segments_are_not(client: Client, world: World) -> None:
    segment_id = await world.segment()
    kept = await create(client, "Summer")
    campaign = await create(client, includedSegmentIds=texts(segment_id))
    payload = await change(client, DELETE, campaignId=campaign["id"])
    assert payload["deletedCampaignId"] == campaign["id"]
    assert [each["id"] for each in await campaigns(client)] == [kept["id"]]
    data = await client.data("query($id: ID!) { segment(id: $id) { campaigns { totalCount } } }", id=str(segment_id))
    assert data["segment"] == {"campaigns": {"totalCount": 0}}
    deleted = await client.data(
        "mutation($id: ID!) { deleteSegment(input: { segmentId: $id }) { deletedSegmentId } }", id=str(segment_id)
    )
    assert deleted["deleteSegment"]["deletedSegmentId"] == str(segment_id)


async def test_a_campaign_that_is_not_there_is_not_found(client: Client, other_client: Client) -> None:
    foreign = (await create(other_client))["id"]
    gone = (await create(client))["id"]
    await change(client, DELETE, campaignId=gone)
    for absent in (foreign, gone, str(uuid4()), "no-id", ""):
        refused = await failure(client, DELETE, campaignId=absent)
        assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", "campaignId"])
    assert len(await campaigns(other_client)) == 1


async def test_it_needs_the_permission_to_edit_segments(reader: Client, client: Client) -> None:
    campaign = await create(client)
    error = await reader.error(DELETE.replace("...Failures", "code"), input={"campaignId": campaign["id"]})
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert len(await campaigns(client)) == 1
