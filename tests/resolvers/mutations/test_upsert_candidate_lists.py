"""upsertCandidateLists: the lists that recruiters keep in the applicant tracking system."""

from tests.client import Client
from tests.resolvers.mutations.syncing import LISTS, errors, send, sync
from tests.world import World


async def test_lists_are_made_renamed_and_left_alone(client: Client, world: World) -> None:
    lists = [{"externalId": "L1", "name": "Alumni"}, {"externalId": "L2", "name": "Interns"}]
    done = await sync(client, LISTS, candidateLists=lists)
    assert (done["createdCount"], done["updatedCount"], done["candidateLists"]) == (2, 0, lists)
    written = await world.run("SELECT xmin::text FROM candidate_list WHERE account_id = $1 ORDER BY id")
    again = await sync(client, LISTS, candidateLists=lists)
    assert (again["createdCount"], again["updatedCount"], again["candidateLists"]) == (0, 0, lists)
    assert await world.run("SELECT xmin::text FROM candidate_list WHERE account_id = $1 ORDER BY id") == written
    lists[1]["name"] = "Trainees"
    done = await sync(client, LISTS, candidateLists=lists)
    assert (done["createdCount"], done["updatedCount"], done["candidateLists"]) == (0, 1, lists)


async def test_several_lists_may_be_called_the_same(client: Client) -> None:
    lists = [{"externalId": "L1", "name": "Alumni"}, {"externalId": "L2", "name": "Alumni"}]
    assert (await sync(client, LISTS, candidateLists=lists))["createdCount"] == 2


async def test_good_lists_are_kept_and_each_error_has_its_place(client: Client) -> None:
    done = await send(
        client,
        LISTS,
        candidateLists=[
            {"externalId": "L0", "name": "Alumni"},
            {"externalId": "", "name": "Interns"},
            {"externalId": "L2", "name": "a\0"},
        ],
    )
    assert errors(done) == [("INVALID_INPUT", ["1", "externalId"]), ("INVALID_INPUT", ["2", "name"])]
    assert done["createdCount"] == 1


async def test_the_same_id_in_two_accounts_is_two_lists(client: Client, other_client: Client) -> None:
    lists = [{"externalId": "L1", "name": "Alumni"}]
    await sync(client, LISTS, candidateLists=lists)
    assert (await sync(other_client, LISTS, candidateLists=lists))["createdCount"] == 1


async def test_statements_are_as_many_for_one_list_as_for_five_hundred(client: Client, statements: list[str]) -> None:
    await client.data("{ viewer { subject } }")
    counts = []
    for prefix, count in (("a", 1), ("b", 500)):
        for name in ("Alumni", "Interns"):
            lists = [{"externalId": f"{prefix}{index}", "name": name} for index in range(count)]
            statements.clear()
            await sync(client, LISTS, candidateLists=lists)
            counts.append(len(statements))
    assert counts == [5, 5, 5, 5], statements
