"""Pages of every connection: each row once and in order, in both directions, whatever happens between two pages."""

import base64
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

from tests.client import Client
from tests.inventory import Inventory
from tests.resolvers.connections import CASES, Connection, Page, connections
from tests.world import World

CONNECTIONS = connections()
PLAIN = [connection for connection in CONNECTIONS if not connection.order and not connection.filter]

each = pytest.mark.parametrize("connection", CONNECTIONS, ids=str)
each_plain = pytest.mark.parametrize("connection", PLAIN, ids=str)


def test_every_connection_has_a_case() -> None:
    assert {connection.where for connection in CONNECTIONS} == CASES.keys()


async def forwards(connection: Connection, client: Client, parent: UUID | None, size: int) -> AsyncIterator[Page]:
    after = None
    while True:
        page = await connection.page(client, parent, first=size, after=after)
        yield page
        if not page.hasNextPage:
            return
        after = page.endCursor


async def backwards(connection: Connection, client: Client, parent: UUID | None, size: int) -> AsyncIterator[Page]:
    before = None
    while True:
        page = await connection.page(client, parent, last=size, before=before)
        yield page
        if not page.hasPreviousPage:
            return
        before = page.startCursor


@each
async def test_pages_have_each_row_once_in_order_in_both_directions(
    connection: Connection, client: Client, world: World
) -> None:
    parent, rows = await CASES[connection.where].make(world, 7)
    whole = await connection.page(client, parent, first=100)
    assert sorted(whole.rows) == sorted(rows)
    assert (whole.hasNextPage, whole.hasPreviousPage) == (False, False)
    assert (whole.startCursor, whole.endCursor) == (whole.cursors[0], whole.cursors[-1])
    for size in (3, 7) if connection.order or connection.filter else (1, 3, 7):
        pages = [page async for page in forwards(connection, client, parent, size)]
        assert [row for page in pages for row in page.rows] == whole.rows
        assert [cursor for page in pages for cursor in page.cursors] == whole.cursors
        assert [page.hasNextPage for page in pages] == [True] * (len(pages) - 1) + [False]
        assert [page.hasPreviousPage for page in pages] == [False] + [True] * (len(pages) - 1)
        if connection.both_ways:
            pages = [page async for page in backwards(connection, client, parent, size)]
            assert [row for page in reversed(pages) for row in page.rows] == whole.rows
            assert [page.hasPreviousPage for page in pages] == [True] * (len(pages) - 1) + [False]
            assert [page.hasNextPage for page in pages] == [False] + [True] * (len(pages) - 1)


@each
async def test_the_opposite_order_is_the_same_rows_backwards(
    connection: Connection, client: Client, world: World
) -> None:
    if "direction: ASC" not in connection.order:
        return
    parent, _ = await CASES[connection.where].make(world, 5)
    opposite = Connection(connection.type, connection.name, connection.order.replace("ASC", "DESC"))
    ascending = await connection.page(client, parent, first=100)
    assert (await opposite.page(client, parent, first=100)).rows == ascending.rows[::-1]


@each_plain
async def test_a_page_may_lie_between_two_cursors(connection: Connection, client: Client, world: World) -> None:
    if not connection.both_ways:
        return
    parent, _ = await CASES[connection.where].make(world, 6)
    whole = await connection.page(client, parent, first=100)
    between = {"after": whole.cursors[0], "before": whole.cursors[-1]}
    assert (await connection.page(client, parent, **between)).rows == whole.rows[1:-1]
    assert (await connection.page(client, parent, first=2, **between)).rows == whole.rows[1:3]
    assert (await connection.page(client, parent, last=2, **between)).rows == whole.rows[-3:-1]
    assert (await connection.page(client, parent, after=whole.cursors[-1], before=whole.cursors[0])).rows == []


@each_plain
async def test_a_connection_without_rows_is_an_empty_page(connection: Connection, client: Client, world: World) -> None:
    parent, _ = await CASES[connection.where].make(world, 0)
    page = await connection.page(client, parent)
    assert page == Page([], [], False, False, None, None)


@each
async def test_pages_hold_their_place_while_rows_come_and_go(
    connection: Connection, client: Client, world: World
) -> None:
    """The row that the cursor was made of goes, one not yet read goes, and one comes: wherever that one lies, it is
    read once or not at all, and all others once."""
    case = CASES[connection.where]
    parent, _ = await case.make(world, 7)
    whole = await connection.page(client, parent, first=100)
    read = await connection.page(client, parent, first=3)
    gone = [whole.rows[2], whole.rows[4]] if case.delete else []
    for row in gone:
        await world.run(str(case.delete), row, *([parent] if parent else []))
    if case.insert:
        await case.insert(world, parent)
    rest: list[str] = []
    after = read.endCursor
    while after:
        page = await connection.page(client, parent, first=2, after=after)
        rest += page.rows
        after = page.endCursor if page.hasNextPage else None
    assert len(set(rest)) == len(rest)
    assert not set(rest) & set(read.rows)
    assert [row for row in rest if row in whole.rows] == [row for row in whole.rows[3:] if row not in gone]
    assert len([row for row in rest if row not in whole.rows]) <= 1


@each_plain
async def test_sizes_have_bounds(connection: Connection, ours: Inventory, our_client: Client) -> None:
    parent = ours.one(connection.type) if connection.type in ours.ids else None
    most = 1_000 if connection.where == "Segment.members" else 100
    sizes = ("first", "last") if connection.both_ways else ("first",)
    for argument in sizes:
        for size in (0, -1, most + 1, 2**31 - 1, -(2**31)):
            assert await connection.refusal(our_client, parent, **{argument: size}) == "BAD_USER_INPUT"
        for size in (1, most):
            await connection.page(our_client, parent, **{argument: size})
    if connection.both_ways:
        assert await connection.refusal(our_client, parent, first=1, last=1) == "BAD_USER_INPUT"


@each_plain
async def test_a_page_has_25_rows_when_nobody_says_how_many(
    connection: Connection, ours: Inventory, our_client: Client, statements: list[str]
) -> None:
    """Seen in the statement, which reads one more to know whether there is a next page."""
    parent = ours.one(connection.type) if connection.type in ours.ids else None
    statements.clear()
    await connection.page(our_client, parent)
    assert len([statement for statement in statements if "LIMIT 26" in statement]) == 1


@each_plain
async def test_rows_are_counted_only_when_that_is_asked_for(
    connection: Connection, client: Client, world: World, statements: list[str]
) -> None:
    parent, _ = await CASES[connection.where].make(world, 3)
    await client.data("{ viewer { subject } }")
    ran = []
    for selected in ("pageInfo { endCursor }", "totalCount", "pageInfo { endCursor } totalCount"):
        statements.clear()
        data = await client.data(connection.query(parent, selected, first=1))
        ran.append([statement for statement in statements if "count(*)" in statement and "-- Count" in statement])
        ran[-1] += [statement for statement in statements if "count " in statement.partition("\n")[0].lower()]
        found = (data["node"] if parent else data)["connection"]
        assert found.get("totalCount", 3) == 3
    assert [bool(counted) for counted in ran] == [False, True, True]


@each_plain
async def test_a_cursor_that_was_tampered_with_is_refused(
    connection: Connection, ours: Inventory, our_client: Client
) -> None:
    parent, cursor = await a_cursor(connection, ours, our_client)
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for index in range(0, len(raw), 8):
        flipped = raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :]
        tampered = base64.urlsafe_b64encode(flipped).rstrip(b"=").decode()
        assert await connection.refusal(our_client, parent, after=tampered) == "BAD_USER_INPUT"
    for odd in ("", "é", "\\u0000", cursor[:-1], f"{cursor}=", f" {cursor}", f"{cursor}A", "A" * 50_000):
        assert await connection.refusal(our_client, parent, after=odd) == "BAD_USER_INPUT"


async def test_a_cursor_of_another_connection_or_order_is_refused(ours: Inventory, our_client: Client) -> None:
    plain = [connection for connection in CONNECTIONS if not connection.filter]
    by_order = {(connection.where, ordered_by(connection)): connection for connection in plain}
    cursors = {place: await a_cursor(connection, ours, our_client) for place, connection in by_order.items()}
    ring = list(by_order)
    accepted = []
    for index, place in enumerate(ring):
        for steps in (0, 1, 2, 3, 5, 8):
            other = ring[(index + steps) % len(ring)]
            parent, cursor = cursors[place][0], cursors[other][1]
            answer = await our_client.answer(by_order[place].query(parent, "__typename", after=cursor, first=1))
            codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
            assert codes in ([], ["BAD_USER_INPUT"])
            if (codes == []) != (other == place):
                accepted.append((place, other))
    assert accepted == []


DEFAULT_ORDERS = {
    "Query.segments": "{ field: NAME, direction: ASC }",
    "Query.candidates": "{ field: CREATED_AT, direction: DESC }",
    "Segment.members": "{ field: ADDED_AT, direction: DESC }",
}


def ordered_by(connection: Connection) -> str:
    """The order in full: a cursor belongs to it, whether it is the default or asked for, and whatever is searched."""
    order = connection.order or DEFAULT_ORDERS.get(connection.where, "")
    return order.replace(" }", ", direction: ASC }") if order and "direction" not in order else order


async def a_cursor(connection: Connection, own: Inventory, client: Client) -> tuple[UUID | None, str]:
    """A cursor of the connection, and the parent it is of."""
    parents: Sequence[UUID | None] = own.ids.get(connection.type) or [None]
    for parent in parents:
        page = await connection.page(client, parent)
        if page.cursors:
            return parent, page.cursors[0]
    raise AssertionError(f"{own.label} has nothing in {connection}")
