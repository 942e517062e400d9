"""GraphQL over WebSockets: the protocol to the letter, and what becomes of the operations."""

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from app.engine import connection
from app.engine.requests import GraphQLRequest
from tests.engine.chat import PROTOCOL, Chat, chat
from tests.engine.sample import SECRET
from tests.engine.streaming import PATIENCE, House, house

MASK = bytes(4)


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[House]:
    async with house(max_socket_operations=5, max_streams=1_000) as served:
        yield served


@pytest.fixture
async def talk(home: House) -> AsyncIterator[Chat]:
    """A socket on which nothing has been said."""
    async with chat(home.address) as opened:
        yield opened


@pytest.fixture
async def ready(talk: Chat) -> Chat:
    """A socket that is acknowledged."""
    await talk.begin()
    return talk


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


# Beginning


@pytest.mark.parametrize("offered", [None, ["graphql-ws"], ["graphql-transport-ws2", "soap"]])
async def test_another_subprotocol_closes_the_socket_with_4406(offered: list[str] | None, home: House) -> None:
    async with chat(home.address, subprotocols=offered) as opened:
        assert await opened.closing() == (4406, "Subprotocol not acceptable")


async def test_the_subprotocol_is_chosen_among_several(home: House) -> None:
    async with chat(home.address, subprotocols=["graphql-ws", PROTOCOL]) as opened:
        assert opened.connection.subprotocol == PROTOCOL


async def test_silence_closes_the_socket_with_4408_and_pings_are_silence() -> None:
    async with house(socket_init_timeout=0.2) as home, chat(home.address) as opened:
        await opened.say("ping")
        assert await opened.heard() == {"type": "pong"}
        assert await opened.closing() == (4408, "Connection initialisation timeout")


async def test_who_has_begun_may_stay_silent() -> None:
    async with house(socket_init_timeout=0.05, heartbeat=0.2) as home, chat(home.address) as opened:
        await opened.begin()
        assert await opened.heard() == {"type": "ping"}
        assert await opened.answers()


async def test_beginning_twice_closes_the_socket_with_4429(ready: Chat) -> None:
    await ready.say("connection_init")
    assert await ready.closing() == (4429, "Too many initialisation requests")


async def test_subscribing_before_the_acknowledgement_closes_the_socket_with_4401(talk: Chat) -> None:
    await talk.ask("1", "{ hello }")
    assert await talk.closing() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": "Bearer ada"},
        {"Authorization": "Bearer ada"},
        {"headers": {"Authorization": "Bearer ada"}},
        {"headers": {"authorization": "Bearer ada"}, "other": 5},
    ],
)
async def test_the_token_may_come_in_several_shapes(payload: dict[str, Any], talk: Chat) -> None:
    await talk.say("connection_init", payload=payload)
    assert await talk.heard() == {"type": "connection_ack"}


async def test_the_token_may_come_with_the_upgrade(home: House) -> None:
    async with chat(home.address, additional_headers={"authorization": "Bearer ada"}) as opened:
        await opened.say("connection_init")
        assert await opened.heard() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    "payload", [None, {}, {"authorization": 5}, {"authorization": "Bearer "}, {"headers": 5}, {"headers": {}}]
)
async def test_a_token_that_is_refused_closes_the_socket_with_4403(payload: object, talk: Chat) -> None:
    await talk.say("connection_init", payload=payload)
    assert await talk.closing() == (4403, "Forbidden: Who are you?")


async def test_when_tokens_cannot_be_checked_now_clients_are_asked_to_try_again(
    home: House, log: pytest.LogCaptureFixture
) -> None:
    async with chat(home.address) as first, chat(home.address) as second:
        await first.say("connection_init", payload={"authorization": "Bearer busy"})
        assert await first.closing() == (1013, "The issuer does not answer.")
        assert log.records == []
        await second.say("connection_init", payload={"authorization": "Bearer outage"})
        code, reason = await second.closing()
        assert code == 1013
        assert SECRET not in reason
        assert [record.name for record in log.records] == ["app.engine.errors"]


async def test_a_token_that_expires_closes_the_socket_with_4403_and_ends_what_runs(home: House) -> None:
    async with chat(home.address) as opened:
        await opened.begin("ada 0.3")
        await opened.ask("1", "subscription { endless }")
        assert await opened.closing() == (4403, "Forbidden: The token has expired.")
        await home.diary.until("endless ended", home.diary.entries.count("endless began"))


# Messages

MALFORMED: list[str | bytes] = [
    "",
    "{",
    "null",
    "[]",
    "5",
    '"ping"',
    "{}",
    '{"type": null}',
    '{"type": 5}',
    '{"type": ["ping"]}',
    '{"type": "start"}',
    '{"type": "next", "id": "1", "payload": {}}',
    '{"type": "connection_ack"}',
    '{"type": "connection_init", "payload": "Bearer ada"}',
    '{"type": "ping", "payload": []}',
    '{"type": "pong", "payload": 0}',
    '{"type": "complete"}',
    '{"type": "complete", "id": 5}',
    '{"type": "complete", "id": ""}',
    '{"type": "subscribe", "id": "1"}',
    '{"type": "subscribe", "id": "1", "payload": null}',
    '{"type": "subscribe", "id": "1", "payload": {}}',
    '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "operationName": 5}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "extensions": "x"}}',
    '{"type": "ping", "payload": {"lone": "\\ud800"}}',
    '{"type": "ping", "payload": ' + '{"a":' * 1_900 + "1" + "}" * 1_901,
    '{"type": "ping", "payload": {"long": "' + "x" * 10_000 + '"}}',
    '{"type": "ping", "payload": {"wide": "' + "\N{SNOWMAN}" * 4_000 + '"}}',
    b"",
    b'{"type": "ping"}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("frame", MALFORMED, ids=lambda frame: repr(frame[:70]))
async def test_a_malformed_frame_closes_the_socket_with_4400(
    frame: str | bytes, ready: Chat, log: pytest.LogCaptureFixture
) -> None:
    await ready.connection.send(frame)
    code, reason = await ready.closing()
    assert code == 4400
    assert reason.startswith("Invalid message received")
    assert log.records == []


async def test_text_that_is_not_utf8_closes_the_socket_with_4400(ready: Chat, log: pytest.LogCaptureFixture) -> None:
    await ready.connection.send(b'{"type": "\xff"}', text=True)
    assert (await ready.closing())[0] == 4400
    assert log.records == []


async def test_a_frame_that_is_far_too_long_closes_the_socket_before_it_is_read(ready: Chat) -> None:
    await ready.connection.send(" " * 1_000_000)
    assert (await ready.closing())[0] == 1009


async def test_a_message_in_fragments_is_one_message(ready: Chat) -> None:
    await ready.connection.send(["{", '"type":', '"ping"}'])
    assert await ready.heard() == {"type": "pong"}


async def test_a_ping_is_answered_with_its_payload_before_and_after_the_beginning(talk: Chat) -> None:
    assert await talk.answers()
    await talk.begin()
    assert await talk.answers()


async def test_what_needs_no_answer_gets_none(ready: Chat) -> None:
    await ready.say("pong", payload={"a": 1})
    await ready.say("complete", id="never begun")
    assert await ready.answers()


# Operations


@pytest.mark.parametrize(
    ("query", "data"), [("{ hello }", {"hello": "Hello you"}), ("mutation { change }", {"change": "changed"})]
)
async def test_queries_and_mutations_are_answered(query: str, data: object, ready: Chat) -> None:
    await ready.ask("1", query)
    assert await ready.heard() == {"id": "1", "type": "next", "payload": {"data": data}}
    assert await ready.heard() == {"id": "1", "type": "complete"}


async def test_a_subscription_is_answered_by_each_event(ready: Chat) -> None:
    await ready.ask("a", "subscription($to: Int!) { count(to: $to) }", to=3)
    heard = [await ready.heard() for _ in range(4)]
    assert [message["payload"]["data"]["count"] for message in heard[:3]] == [1, 2, 3]
    assert heard[3] == {"id": "a", "type": "complete"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ... @defer { hello } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { count(to: 1) endless }", "GRAPHQL_VALIDATION_FAILED"),
        ("query a { hello } query b { hello }", "BAD_REQUEST"),
        ("query($n: Int!) { double(number: $n) }", "BAD_USER_INPUT"),
        ("subscription($n: Int!) { count(to: $n) }", "BAD_USER_INPUT"),
    ],
)
async def test_an_operation_that_cannot_run_is_told_so_and_the_others_go_on(query: str, code: str, ready: Chat) -> None:
    await ready.ask("good", "subscription { endless }")
    assert (await ready.heard())["type"] == "next"
    await ready.ask("bad", query)
    message = await ready.heard()
    assert (message["id"], message["type"]) == ("bad", "error")
    assert {error["extensions"]["code"] for error in message["payload"]} == {code}
    await ready.ask("bad", "{ hello }")
    assert (await ready.heard())["payload"] == {"data": {"hello": "Hello you"}}


async def test_errors_of_fields_come_with_the_data(ready: Chat) -> None:
    await ready.ask("1", "{ hello told }")
    payload = (await ready.heard())["payload"]
    assert payload["data"] == {"hello": "Hello you", "told": None}
    assert payload["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await ready.heard())["type"] == "complete"


async def test_a_subscription_that_may_not_begin_says_why(ready: Chat) -> None:
    await ready.ask("1", "subscription { refused }")
    assert [error["extensions"]["code"] for error in (await ready.heard())["payload"]["errors"]] == ["FORBIDDEN"]
    assert await ready.heard() == {"id": "1", "type": "complete"}


async def test_what_breaks_a_subscription_is_masked_and_what_explains_it_is_told(
    ready: Chat, log: pytest.LogCaptureFixture
) -> None:
    await ready.ask("1", "subscription { explained }")
    assert (await ready.heard())["payload"] == {"data": {"explained": 1}}
    told = await ready.heard()
    assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "TOLD")
    assert log.records == []
    await ready.ask("1", "subscription { breaking }")
    assert (await ready.heard())["payload"] == {"data": {"breaking": 1}}
    masked = await ready.heard()
    assert (masked["type"], masked["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL_SERVER_ERROR")
    assert SECRET not in json.dumps(masked)
    assert masked["payload"][0]["extensions"]["requestId"] in log.text
    assert await ready.answers()


async def test_a_failed_field_of_an_event_does_not_end_the_subscription(ready: Chat) -> None:
    await ready.ask("1", "subscription { secret { open broken } }")
    message = await ready.heard()
    assert message["payload"]["data"] == {"secret": {"open": 1, "broken": None}}
    assert str(2**40) not in json.dumps(message)
    assert (await ready.heard())["type"] == "complete"


async def test_an_event_that_takes_longer_than_a_query_may_ends_the_subscription_with_timeout() -> None:
    async with house(query_timeout=0.1) as home, chat(home.address) as opened:
        await opened.begin()
        await opened.ask("1", "subscription { secret { open endless } }")
        told = await opened.heard()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "TIMEOUT")
        await home.diary.until("endless ended")


async def test_a_second_operation_of_the_same_id_closes_the_socket_with_4409(ready: Chat) -> None:
    await ready.ask("twin", "subscription { endless }")
    await ready.ask("twin", "{ hello }")
    assert await ready.closing() == (4409, "Subscriber for twin already exists")


async def test_a_reason_that_is_too_long_for_a_frame_is_cut_between_characters(ready: Chat) -> None:
    name = "\N{SNOWMAN}" * 100
    await ready.ask(name, "subscription { endless }")
    await ready.ask(name, "{ hello }")
    code, reason = await ready.closing()
    assert code == 4409
    assert reason.startswith("Subscriber for \N{SNOWMAN}")
    assert len(reason.encode()) <= 123


async def test_an_id_may_be_used_again_at_once(ready: Chat) -> None:
    for _ in range(20):
        await ready.ask("1", "{ hello }")
        assert [(await ready.heard())["type"] for _ in range(2)] == ["next", "complete"]


async def test_a_subscription_keeps_no_more_of_its_request_than_it_needs(ready: Chat) -> None:
    payload = {"query": "subscription { endless }", "extensions": {"of": 1_000 * [[]]}}
    await ready.say("subscribe", id="1", payload=payload)
    assert (await ready.heard())["type"] == "next"
    kept = [each for each in gc.get_objects() if type(each) is GraphQLRequest]
    assert not [each for each in kept if each.extensions and "of" in each.extensions]
    await ready.say("complete", id="1")
    assert await ready.answers()


async def test_each_operation_has_a_context_of_its_own(ready: Chat) -> None:
    found = []
    for _ in range(3):
        await ready.ask("1", "{ workplace again: workplace }")
        data = (await ready.heard())["payload"]["data"]
        assert data["workplace"] == data["again"]
        assert (await ready.heard())["type"] == "complete"
        found.append(data["workplace"])
    assert len(set(found)) == 3


async def test_more_operations_than_allowed_are_refused_one_by_one(ready: Chat) -> None:
    for number in range(5):
        await ready.ask(str(number), "subscription { endless }")
        assert (await ready.heard())["type"] == "next"
    await ready.ask("more", "{ hello }")
    refused = await ready.heard()
    assert (refused["id"], refused["type"]) == ("more", "error")
    assert refused["payload"][0]["extensions"] == {"code": "TOO_MANY_OPERATIONS", "limit": 5}
    await ready.say("complete", id="0")
    assert await ready.answers()
    await ready.ask("more", "{ hello }")
    assert (await ready.heard())["payload"] == {"data": {"hello": "Hello you"}}


# Ending

SLEEPING = """
SELECT count(*) FROM pg_stat_activity
WHERE query LIKE '%sleeping%' AND state = 'active' AND pid <> pg_backend_pid()
"""


@pytest.mark.parametrize("query", ["{ endless }", "subscription { endless }"])
async def test_completing_ends_a_query_or_subscription_and_nothing_more_is_heard_of_it(
    query: str, home: House, ready: Chat
) -> None:
    times = home.diary.entries.count("endless began") + 1
    await ready.ask("1", query)
    await home.diary.until("endless began", times)
    if query.startswith("subscription"):
        await ready.heard()
    await ready.say("complete", id="1")
    await home.diary.until("endless ended", times)
    assert await ready.answers()


async def test_completing_ends_the_statement_in_the_database(database_url: str, home: House, ready: Chat) -> None:
    home.diary.database = await asyncpg.create_pool(database_url, min_size=1, max_size=1)
    async with home.diary.database as pool, asyncio.timeout(20):
        await ready.ask("1", "{ sleeping }")
        await home.diary.until("sleeping began")
        watcher = await asyncpg.connect(database_url)
        running = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleeping%' AND state = 'active' AND pid <> $1"
        )
        own = await watcher.fetchval("SELECT pg_backend_pid()")
        while not await watcher.fetchval(running, own):
            pass
        await ready.say("complete", id="1")
        while await watcher.fetchval(running, own):
            pass
        await watcher.close()
        assert await pool.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("how", ["complete", "close", "abort"])
async def test_a_mutation_is_done_whole_whatever_its_client_does(how: str) -> None:
    async with house() as home, chat(home.address) as opened:
        await opened.begin()
        await opened.ask("1", "mutation { changeSlowly }")
        await home.diary.until("change began")
        if how == "complete":
            await opened.say("complete", id="1")
            assert await opened.answers()
        elif how == "close":
            await opened.connection.close()
        else:
            opened.connection.transport.abort()
        await opened.ask("2", "{ hello }") if how == "complete" else None
        home.diary.gate.set()
        await home.diary.until("change ended")
        assert home.diary.entries == ["change began", "changed", "change ended"]
        if how == "complete":
            assert [(await opened.heard())["id"] for _ in range(2)] == ["2", "2"]
            assert await opened.answers()


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_client_that_goes_ends_all_that_it_asked(how: str, home: House) -> None:
    times = home.diary.entries.count("endless began")
    async with chat(home.address) as opened:
        await opened.begin()
        await opened.ask("1", "{ endless }")
        await opened.ask("2", "subscription { endless }")
        await home.diary.until("endless began", times + 2)
        if how == "abort":
            opened.connection.transport.abort()
    await home.diary.until("endless ended", times + 2)


async def test_a_server_that_goes_down_says_that_it_will_be_back_and_ends_what_runs() -> None:
    async with house() as home:
        opening = chat(home.address)
        opened = await opening.__aenter__()
        await opened.begin()
        await opened.ask("1", "subscription { endless }")
        await opened.heard()
    assert (await opened.closing())[0] == 1001
    assert home.diary.entries == ["endless began", "endless ended"]
    await opening.__aexit__(None, None, None)


# Limits


async def test_more_sockets_of_one_principal_than_allowed_are_asked_to_try_again() -> None:
    async with house(max_streams=1) as home, chat(home.address) as first, chat(home.address) as other:
        await first.begin("ada")
        await other.begin("grace")
        async with chat(home.address) as second:
            await second.say("connection_init", payload={"authorization": "Bearer ada"})
            code, reason = await second.closing()
            assert code == 1013
            assert "Close one first" in reason
        await first.ask("1", "{ endless }")
        await home.diary.until("endless began")
        await first.connection.close()
        await home.diary.until("endless ended")
        while home.streams.count() > 1:
            assert await other.answers()
        async with chat(home.address) as third:
            await third.begin("ada")


async def test_no_answer_to_a_ping_closes_the_socket_with_4499() -> None:
    async with house(heartbeat=0.1) as home, chat(home.address) as opened:
        await opened.begin()
        for _ in range(3):
            assert await opened.heard() == {"type": "ping"}
            await opened.say("pong")
        assert await opened.heard() == {"type": "ping"}
        assert await opened.closing() == (4499, "Terminated: No answer to a ping.")


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.1)
    async with house(send_timeout=0.3) as home, chat(home.address) as witness:
        await witness.begin("grace")
        async with chat(home.address, compression=None, max_queue=1) as opened:
            await opened.begin()
            opened.connection.transport.pause_reading()
            await opened.ask("1", "subscription { flood(size: 100000) }")
            await home.diary.until("flood ended")
            while home.streams.count() > 1:
                assert await witness.answers()
            opened.connection.transport.resume_reading()
            with pytest.raises(ConnectionClosedError) as closed:
                await opened.hear_all()
            assert closed.value.rcvd is None


async def test_a_flood_of_frames_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PIECE", 50)
    fragments = [b"\x01\x80" + MASK, *40_000 * [b"\x00\x80" + MASK], b"\x80\x8f" + MASK + b'{"type":"ping"}']
    async with house() as home, chat(home.address) as flooding, chat(home.address) as other:
        await flooding.begin()
        await other.begin()
        flooding.connection.transport.write(b"".join(fragments))
        flooded = asyncio.create_task(flooding.heard())
        for _ in range(20):
            assert await other.answers()
            assert not flooded.done()
        assert await flooded == {"type": "pong"}
        assert await flooding.answers()


async def test_answers_to_pings_do_not_pile_up_for_a_client_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[connection.Connection] = []

    class Remembered(connection.Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            made.append(self)

    monkeypatch.setattr(connection, "Connection", Remembered)
    async with house() as home, chat(home.address) as opened:
        await opened.begin()
        client = opened.connection.transport
        client.pause_reading()
        client.write(200_000 * (b"\x89\xfd" + MASK + 125 * b"x"))
        async with asyncio.timeout(PATIENCE):
            while client.get_write_buffer_size():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert made[0].transport.get_write_buffer_size() < 1_000_000
        client.resume_reading()
        assert await opened.answers()


# Origins


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "http://["]
)
async def test_a_page_of_another_origin_gets_no_socket(origin: str, home: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with chat(home.address, origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_a_page_of_the_servers_own_origin_gets_a_socket(home: House) -> None:
    async with chat(home.address, origin=home.address) as opened:
        await opened.begin()


@pytest.mark.parametrize("allowed", ["https://app.example", "*"])
async def test_a_page_of_an_allowed_origin_gets_a_socket(allowed: str) -> None:
    async with (
        house(allowed_origins=("https://other.example", allowed)) as home,
        chat(home.address, origin="https://app.example") as opened,
    ):
        await opened.begin()
