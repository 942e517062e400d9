from tests.client import Client
from tests.world import World


async def test_a_viewer_sees_whose_token_it_is(client: Client, world: World) -> None:
    data = await client.data("{ viewer { subject account { id name } permissions } }")
    assert data["viewer"] == {
        "subject": "tester",
        "account": {"id": str(world.account_id), "name": world.account.name},
        "permissions": ["READ", "EDIT_SEGMENTS", "SYNC_CANDIDATES", "MANAGE_ACCOUNT", "REPORT"],
    }
