"""How connections are shared, and what becomes of those who find none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from app.connections import MOST_IDS, MOST_MOMENTS, Connections, DatabaseLostError, OverloadedError, _ids
from app.database import Database
from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.watcher import Watcher
from tests.world import World

CANDIDATES = "{ candidates { nodes { id } } }"
SEARCH = '{ candidates(filter: { text: "nobody" }) { nodes { id } } }'
VIEWER = "{ viewer { subject } }"
CREATE = 'mutation { createSegment(input: { name: "In vain", channel: EMAIL }) { userErrors { code } } }'


@pytest.fixture
def narrow(settings: Settings) -> Settings:
    """One connection for reads and one for searches, and little patience."""
    return settings.model_copy(update={"pool_size": 1, "search_pool_size": 1, "pool_timeout": 0.2})


@pytest.fixture
async def crowded(narrow: Settings, database_url: str, world: World) -> AsyncIterator[Client]:
    async with (
        serving(Server(narrow, database_url, SECRET).app) as address,
        Client.of(address, narrow, SECRET, world.account_id) as client,
    ):
        yield client


@pytest.mark.parametrize("document", [CANDIDATES, CREATE])
async def test_who_finds_no_connection_in_time_is_told_when_to_come_again(
    document: str, crowded: Client, watcher: Watcher
) -> None:
    async with watcher.holding("candidate"):
        first = asyncio.create_task(crowded.http.post("/graphql", json={"query": CANDIDATES}))
        await watcher.until_waiting(1)
        refused = await crowded.http.post("/graphql", json={"query": document})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert [error["extensions"]["code"] for error in refused.json()["errors"]] == ["SERVICE_UNAVAILABLE"]
        assert "data" not in refused.json()
        assert (await crowded.http.post("/graphql", json={"query": VIEWER})).status_code == 200
    assert (await first).status_code == 200
    assert (await crowded.http.post("/graphql", json={"query": document})).status_code == 200


async def test_who_fetches_an_export_is_told_too(crowded: Client, world: World, watcher: Watcher) -> None:
    export = "query($id: ID!) { segment(id: $id) { exportUrl } }"
    address = (await crowded.data(export, id=str(await world.segment())))["segment"]["exportUrl"]
    async with watcher.holding("candidate"):
        first = asyncio.create_task(crowded.http.post("/graphql", json={"query": CANDIDATES}))
        await watcher.until_waiting(1)
        refused = await crowded.http.head(address)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert (await first).status_code == 200
    assert (await crowded.http.head(address)).status_code == 200


async def test_a_slow_search_keeps_no_other_read_waiting(crowded: Client, watcher: Watcher) -> None:
    async with watcher.holding("candidate"):
        searching = asyncio.create_task(crowded.http.post("/graphql", json={"query": SEARCH}))
        await watcher.until_waiting(1)
        assert (await crowded.http.post("/graphql", json={"query": "{ quotaUsage { used } }"})).status_code == 200
    assert (await searching).status_code == 200


async def test_who_gives_up_waiting_takes_no_connection_along(narrow: Settings, database_url: str) -> None:
    database = await Database.open(database_url, narrow.model_copy(update={"pool_timeout": 60}))
    async with asyncio.timeout(10):
        slow = asyncio.create_task(database.fetch("SELECT pg_sleep(0.5)"))
        given_up = [asyncio.create_task(database.fetch("SELECT 1")) for _ in range(5)]
        await asyncio.sleep(0)
        assert database.use().in_use + database.use().waiting == 6
        for each in given_up:
            each.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        await slow
        assert (await database.fetch("SELECT 1"))[0][0] == 1
    assert database.use().in_use == 0
    assert database.use().waiting == 0
    await database.close()


async def test_nothing_is_waited_for_longer_than_the_timeout(narrow: Settings, database_url: str) -> None:
    database = await Database.open(database_url, narrow)
    slow = asyncio.create_task(database.fetch("SELECT pg_sleep(1)"))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await database.fetch("SELECT 1")
    await slow
    assert (await database.fetch("SELECT 1"))[0][0] == 1
    await database.close()


@pytest.fixture
async def single(narrow: Settings, database_url: str) -> AsyncIterator[Connections]:
    """A pool of one connection."""
    connections = await Connections.open(database_url, narrow.model_copy(update={"pool_timeout": 60}), 1, "once")
    async with asyncio.timeout(20):
        yield connections
        await connections.close()
    assert (connections.lent, connections.waiting) == (0, 0)


async def test_who_waits_longest_is_served_first(single: Connections) -> None:
    served = []

    async def ask(number: int) -> None:
        await single.fetch("SELECT 1", ())
        served.append(number)

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert served == list(range(20))


async def test_what_is_handed_to_who_has_just_given_up_goes_to_the_next(single: Connections) -> None:
    lent = await single.borrow()
    first, second = (asyncio.create_task(single.fetch("SELECT 1", ())) for _ in range(2))
    await asyncio.sleep(0)
    await single.give_back(lent, None)
    first.cancel()
    assert (await second)[0][0] == 1
    assert first.cancelled()


async def test_who_gives_up_when_the_time_is_up_has_given_up(single: Connections) -> None:
    lent = await single.borrow()
    waiting = asyncio.create_task(single.fetch("SELECT 1", ()))
    await asyncio.sleep(0)
    [waiter] = single._waiters
    waiter.set_exception(OverloadedError())
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await single.give_back(lent, None)


async def test_who_waits_in_vain_is_not_remembered(narrow: Settings, database_url: str) -> None:
    connections = await Connections.open(database_url, narrow.model_copy(update={"pool_timeout": 0.01}), 1, "once")
    lent = await connections.borrow()
    outcomes = await asyncio.gather(*(connections.borrow() for _ in range(50)), return_exceptions=True)
    assert {type(each) for each in outcomes} == {OverloadedError}
    assert not connections._waiters
    await connections.give_back(lent, None)
    await connections.close()


async def test_who_is_handed_a_closed_connection_keeps_the_turn(single: Connections) -> None:
    served = []

    async def ask(number: int) -> None:
        await single.fetch("SELECT 1", ())
        served.append(number)

    lent = await single.borrow()
    waiting = [asyncio.create_task(ask(number)) for number in range(4)]
    await asyncio.sleep(0)
    lent.terminate()
    await single.give_back(lent, None)
    await asyncio.gather(*waiting)
    assert served == [0, 1, 2, 3]


async def test_who_waits_while_the_pool_closes_is_told_to_come_again(narrow: Settings, database_url: str) -> None:
    connections = await Connections.open(database_url, narrow.model_copy(update={"pool_timeout": 60}), 1, "once")
    lent = await connections.borrow()
    waiting = asyncio.create_task(connections.fetch("SELECT 1", ()))
    await asyncio.sleep(0)
    closing = asyncio.create_task(connections.close())
    await asyncio.sleep(0)
    await connections.give_back(lent, None)
    async with asyncio.timeout(10):
        with pytest.raises(DatabaseLostError):
            await waiting
        await closing
    assert (connections.lent, connections.waiting) == (0, 0)


async def test_the_place_of_a_lost_connection_goes_to_who_waits(single: Connections) -> None:
    lent = await single.borrow()
    waiting = asyncio.create_task(single.fetch("SELECT pg_backend_pid()", ()))
    await asyncio.sleep(0)
    lost = lent.get_server_pid()
    with pytest.raises(asyncpg.PostgresConnectionError) as raised:
        await lent.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseLostError):
        await single.give_back(lent, raised.value)
    assert (await waiting)[0][0] != lost


async def test_a_connection_that_was_lost_while_nobody_used_it_is_replaced(
    single: Connections, superuser_url: str
) -> None:
    lost = (await single.fetch("SELECT pg_backend_pid()", ()))[0][0]
    superuser = await asyncpg.connect(superuser_url)
    await superuser.fetch("SELECT pg_terminate_backend($1)", lost)
    await superuser.close()
    await asyncio.sleep(0.2)
    assert (await single.fetch("SELECT pg_backend_pid()", ()))[0][0] != lost


async def test_many_who_come_go_and_fail_leave_every_place_free(narrow: Settings, database_url: str) -> None:
    connections = await Connections.open(database_url, narrow.model_copy(update={"pool_timeout": 60}), 3, "once")

    async def ask(number: int) -> None:
        statement = (
            "SELECT 1",
            "SELECT pg_sleep(0.001)",
            "SELECT 1 / 0",
            "SELECT pg_terminate_backend(pg_backend_pid())",
        )
        with suppress(asyncpg.PostgresError, DatabaseLostError):
            await connections.fetch(statement[number % 4], ())

    tasks = [asyncio.create_task(ask(number)) for number in range(400)]
    for number, task in enumerate(tasks):
        if number % 5 == 0:
            await asyncio.sleep(0)
            task.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (connections.lent, connections.waiting) == (0, 0)
        assert [len(rows) for rows in await asyncio.gather(*(connections.fetch("SELECT 1", ()) for _ in range(9)))] == [
            1
        ] * 9
        await connections.close()


async def test_small_reads_are_planned_once_and_searches_each_time(database: Database) -> None:
    counted = "SELECT custom_plans > 0 FROM pg_prepared_statements WHERE statement = $1"
    statement = "SELECT count(*) FROM account WHERE id = $1"
    for _ in range(3):
        await database.fetch(statement, None)
    assert not (await database.fetch(counted, statement))[0][0]
    for _ in range(10):
        await database.search(statement, None)
    row = await database.search("SELECT generic_plans > 0 FROM pg_prepared_statements WHERE statement = $1", statement)
    assert not row[0][0]


async def test_moments_come_back_as_they_went_in_however_many_there_are(database: Database) -> None:
    early, late = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    for moment in (early, late, datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC)):
        assert (await database.fetch("SELECT $1::timestamptz", moment))[0][0] == moment
    several = MOST_MOMENTS + 10
    rows = await database.fetch(
        "SELECT '2026-01-01'::timestamptz + n * interval '1 microsecond' FROM generate_series(1, $1::int) AS n", several
    )
    assert len({row[0] for row in rows}) == several
    assert rows[-1][0] == datetime(2026, 1, 1, 0, 0, 0, several, tzinfo=UTC)


async def test_ids_come_back_as_they_went_in_however_many_there_are(database: Database) -> None:
    ids = [uuid4() for _ in range(MOST_IDS + 10)]
    for sent in (ids, [str(each) for each in ids]):
        rows = await database.fetch("SELECT id FROM unnest($1::uuid[]) WITH ORDINALITY AS t(id, n) ORDER BY n", sent)
        assert [row[0] for row in rows] == ids
        assert {str(row[0]) for row in rows} == {str(each) for each in ids}
    assert len(_ids) <= MOST_IDS


@pytest.mark.parametrize("id", ["", "x", 1, b"x" * 16])
async def test_what_is_no_id_is_not_sent(id: object, database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        await database.fetch("SELECT $1::uuid", id)
    assert (await database.fetch("SELECT $1::uuid", None))[0][0] is None


@pytest.mark.parametrize("document", [CANDIDATES, SEARCH, CREATE])
async def test_who_loses_the_connection_is_told_to_come_again(document: str, crowded: Client, watcher: Watcher) -> None:
    async with watcher.holding("candidate, segment"):
        asked = asyncio.create_task(crowded.http.post("/graphql", json={"query": document}))
        await watcher.until_waiting(1)
        await watcher.end_waiting()
        lost = await asked
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "1")
    [error] = lost.json()["errors"]
    assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    assert "with the same idempotency key it is not made twice" in error["message"]
    assert (await crowded.http.post("/graphql", json={"query": document})).status_code == 200


async def test_a_change_whose_connection_is_lost_between_two_statements_is_rolled_back(
    world: World, watcher: Watcher
) -> None:
    async def change() -> None:
        async with world.database.write(world.account_id) as tx:
            await tx.fetch("INSERT INTO vacancy (account_id, id, title) VALUES ($1, $1, 'Lost')", world.account_id)
            await watcher.end_connections("'Lost'")
            for _ in range(100):
                await tx.fetch("SELECT 1")
                await asyncio.sleep(0.01)

    with pytest.raises(DatabaseLostError):
        await change()
    assert await world.run("SELECT FROM vacancy WHERE account_id = $1") == []


async def test_what_ended_a_change_is_not_hidden_by_the_loss_of_its_connection(world: World, watcher: Watcher) -> None:
    async def change() -> None:
        async with world.database.write(world.account_id) as tx:
            await tx.fetch("SELECT 'to be ended'")
            await watcher.end_connections("'to be ended'")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()


async def test_connections_to_other_databases_are_left_alone(
    superuser_url: str, database_url: str, watcher: Watcher
) -> None:
    """Those of the tests beside this one."""
    elsewhere, here = await asyncpg.connect(superuser_url), await asyncpg.connect(database_url)
    for connection in (elsewhere, here):
        await connection.fetch("SELECT 'of everybody'")
    await watcher.end_connections("'of everybody'")
    assert await elsewhere.fetchval("SELECT true")
    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
        await here.fetchval("SELECT true")
    await elsewhere.close()
    here.terminate()


async def test_a_connection_in_an_impossible_state_is_lost_and_not_used_again(database: Database) -> None:
    """As asyncpg finds one that was told to go while nobody asked it anything."""
    with pytest.raises(DatabaseLostError):
        async with database._reading.borrowed() as connection:
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")
    with pytest.raises(asyncpg.InterfaceError, match="released"):
        connection.is_closed()
    assert await database.fetch("SELECT 1")


async def test_a_connection_that_is_lost_while_nobody_uses_it_is_replaced(
    narrow: Settings, database_url: str, watcher: Watcher
) -> None:
    database = await Database.open(database_url, narrow)
    [before] = await database.fetch("SELECT pg_backend_pid()")
    assert [before] == await database.fetch("SELECT pg_backend_pid()")
    await watcher.end(before[0])
    async with asyncio.timeout(5):
        while before == (await told(database))[0]:
            pass
    async with asyncio.timeout(5):
        await database.close()


async def told(database: Database) -> list[asyncpg.Record]:
    """The server process of the next connection, asked until there is one."""
    while True:
        with suppress(DatabaseLostError):
            return await database.fetch("SELECT pg_backend_pid()")
