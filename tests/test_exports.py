"""/exports: files of segments and audiences, by signed addresses, streamed"""

import asyncio
import csv
import io
import json
import logging
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from app.auth import Permission
from app.database import Database
from app.domain import exports
from app.domain.accounts import Account
from app.domain.export_links import ExportFormat, ExportKind, ExportLink
from app.exporting import Exports
from app.models import Channel
from app.redaction import redacted
from app.server import Server
from app.settings import Settings
from app.statements import written_out
from tests.client import Client, serving
from tests.conftest import SECRET, as_role, run
from tests.test_metrics import Reading
from tests.world import GENERAL, World

NAMES = ["id", "externalId", "firstName", "lastName", "email", "verifiedMobile", "city", "country"]

MANY = 5_000
LONG = "x" * 4_000
"""So many people with such names make a file that no buffer on the way holds."""

LAST_CHUNK = b"\r\n0\r\n\r\n"


async def url(client: Client, id: UUID | str, format: str = "CSV", kind: str = "Segment") -> str:
    field = "exportUrl" if kind == "Segment" else "audienceExportUrl"
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ url: {field}(format: {format}) }} }} }}"
    found: str = (await client.data(query, id=str(id)))["node"]["url"]
    return found


async def fetched(client: Client, address: str) -> httpx.Response:
    """What anybody gets who has the address, without a token."""
    return await client.http.get(address, headers={"authorization": ""})


async def rows(client: Client, id: UUID | str, kind: str = "Segment") -> list[dict[str, str]]:
    response = await fetched(client, await url(client, id, "CSV", kind))
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


async def lines(client: Client, id: UUID | str, kind: str = "Segment") -> list[dict[str, Any]]:
    response = await fetched(client, await url(client, id, "NDJSON", kind))
    assert response.status_code == 200
    return [json.loads(line) for line in response.text.split("\n")[:-1]]


def a_link(world: World, id: UUID, **differing: Any) -> str:
    link = ExportLink(world.account_id, ExportKind.SEGMENT, id, ExportFormat.CSV, b"somebody", int(time.time()) + 60)
    return f"/exports?token={replace(link, **differing).signed(world.account.secret)}"


@pytest.fixture(scope="module")
async def large(database: Database) -> tuple[World, UUID]:
    """A segment whose file has some 20 MB. Nothing may change it."""
    world = await World.make(database)
    segment_id = await world.segment("Large")
    await world.candidates(MANY, first_name=LONG)
    await world.add(segment_id)
    return world, segment_id


Serve = Callable[..., Awaitable[tuple[Client, str]]]
Exporting = Callable[[], Awaitable[list[int]]]


@pytest.fixture
async def reading(server_address: str, settings: Settings, large: tuple[World, UUID]) -> AsyncIterator[Client]:
    async with Client.of(server_address, settings, SECRET, large[0].account_id) as client:
        yield client


@pytest.fixture
async def one_at_a_time(database_url: str, settings: Settings, large: tuple[World, UUID]) -> AsyncIterator[Serve]:
    """Serves the large segment with a single slot for exports and other settings. Makes a client and the address."""
    closing: list[Any] = []

    async def serve(**differing: Any) -> tuple[Client, str]:
        its = settings.model_copy(update={"max_exports": 1, **differing})
        served = serving(Server(its, database_url, SECRET).app)
        address = await served.__aenter__()
        closing.append(served)
        client = Client.of(address, its, SECRET, large[0].account_id)
        closing.append(client)
        return client, await url(client, large[1])

    yield serve
    for each in reversed(closing):
        await each.__aexit__(None, None, None)


class Unread:
    """A download that is begun and of which nothing is read until `rest`."""

    def __init__(self, client: Client, address: str) -> None:
        base = client.http.base_url
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setblocking(False)
        self._where = (base.host, base.port)
        self._head = f"GET {address} HTTP/1.1\r\nHost: {base.host}\r\n\r\n".encode()

    async def begin(self) -> bytes:
        """Returns once the answer has begun."""
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.socket, self._where)
        await loop.sock_sendall(self.socket, self._head)
        return await loop.sock_recv(self.socket, 100)

    async def rest(self) -> bytes:
        """All that comes until the server closes the connection, or ends the answer."""
        loop = asyncio.get_running_loop()
        found = bytearray()
        while piece := await loop.sock_recv(self.socket, 1_000_000):
            found += piece
            if found.endswith(LAST_CHUNK):
                break
        return bytes(found)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Looks again until it holds: for what happens in PostgreSQL, of which nobody tells."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture
def exporting(superuser_url: str, database_url: str) -> Exporting:
    """Finds the processes of PostgreSQL that run an export just now."""
    database = urlsplit(database_url).path[1:]

    async def find() -> list[int]:
        found = await run(
            superuser_url,
            "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (-- Everybody%'"
            f" AND datname = '{database}'",
        )
        return [row["pid"] for row in found]

    return find


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('say "hi", twice', 'say "hi", twice'),
        ("one\ntwo\r\nthree", "one\ntwo\r\nthree"),
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x.example","y")', '\'=HYPERLINK("http://x.example","y")'),
        ("+1", "'+1"),
        ("+31612345678", "'+31612345678"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1+1", "'＝1+1"),
        ("a=1", "a=1"),
        ("a;=1+1", "a;'=1+1"),
        ("=1;-1;2", "'=1;'-1;2"),
        ("a; @SUM(1)", "a;' @SUM(1)"),
        ('a;"=1"', 'a;\'"=1"'),
        ("a;＝1", "a;'＝1"),
        ("a;b", "a;b"),
        (" =1", " =1"),
        ("'quoted", "'quoted"),
        ("", ""),
        ("\\.", "\\."),
        ("\\N $1 \\x41", "\\N $1 \\x41"),
        ("Zoë 👩‍👩‍👧 \u202eabc", "Zoë 👩‍👩‍👧 \u202eabc"),
        ("مرحبا שלום", "مرحبا שלום"),
        ("a;b|c\x01\x02\x7f", "a;b|c\x01\x02\x7f"),
        ("\u2028", "\u2028"),
    ],
)
async def test_a_text_comes_as_it_is_but_for_what_a_spreadsheet_would_compute(
    client: Client, world: World, value: str, cell: str
) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, [await world.candidate(last_name=value, city=value)])
    [row] = await rows(client, segment_id)
    assert (row["lastName"], row["city"]) == (cell, cell)
    [line] = await lines(client, segment_id)
    assert (line["lastName"], line["city"]) == (value, value)


async def test_everything_of_a_member_is_there_and_what_is_missing_is_empty(client: Client, world: World) -> None:
    whole = await world.candidate(
        external_id="ats-1",
        first_name="Ada",
        last_name="Lovelace",
        email="ada@example.com",
        verified_mobile="+31612345678",
        city="Ghent",
        country="BE",
    )
    bare = await world.candidate(verified_mobile=None, email="+bare@example.com")
    segment_id = await world.segment()
    await world.add(segment_id)
    first, second = await rows(client, segment_id)
    assert list(first) == [*NAMES, "addedAt"]
    added_at = datetime.fromisoformat(first.pop("addedAt"))
    assert added_at.tzinfo is UTC
    assert abs((datetime.now(UTC) - added_at).total_seconds()) < 60
    assert first == {
        "id": str(whole),
        "externalId": "ats-1",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "email": "ada@example.com",
        "verifiedMobile": "+31612345678",
        "city": "Ghent",
        "country": "BE",
    }
    assert (second["id"], second["verifiedMobile"], second["email"]) == (str(bare), "", "'+bare@example.com")
    as_json, bare_json = await lines(client, segment_id)
    assert as_json == {**first, "addedAt": as_json["addedAt"]}
    assert datetime.fromisoformat(as_json["addedAt"]) == added_at
    assert (bare_json["verifiedMobile"], bare_json["externalId"]) == (None, None)


async def test_a_mobile_that_is_no_number_is_a_text_like_others(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, [await world.candidate(verified_mobile="+1+cmd|x")])
    assert [row["verifiedMobile"] for row in await rows(client, segment_id)] == ["'+1+cmd|x"]


async def test_rows_come_by_id_each_once_and_are_what_the_graph_shows(client: Client, world: World) -> None:
    candidates = await world.candidates(30)
    segment_id = await world.segment()
    await world.add(segment_id, candidates[::-1])
    await world.lapse(candidates[3])
    expected = [str(id) for id in candidates if id != candidates[3]]
    assert [row["id"] for row in await rows(client, segment_id)] == expected
    assert [line["id"] for line in await lines(client, segment_id)] == expected


async def test_an_audience_is_exported_as_the_campaign_shows_it(client: Client, world: World) -> None:
    a, both, excluded, lapsed, _ = await world.candidates(5)
    first, second, third = [await world.segment() for _ in range(3)]
    await world.add(first, [a, both, excluded, lapsed])
    await world.add(second, [both])
    await world.add(third, [excluded])
    campaign = await world.campaign(first, second)
    await world.insert("campaign_segment", campaign_id=campaign, segment_id=third, excluded=True)
    await world.lapse(lapsed, policy=GENERAL)
    found = await rows(client, campaign, "Campaign")
    assert [row["id"] for row in found] == [str(a), str(both)]
    assert list(found[0]) == NAMES
    assert [line["id"] for line in await lines(client, campaign, "Campaign")] == [str(a), str(both)]


async def test_an_audience_by_message_has_who_may_be_texted(client: Client, world: World) -> None:
    segment_id = await world.segment(channel=Channel.SMS)
    stays, suppressed = await world.candidates(2)
    await world.add(segment_id)
    await world.run(
        "INSERT INTO suppression (account_id, channel, address, reason, created_by)"
        " SELECT $1, 'SMS', verified_mobile, 'asked', 'world' FROM candidate WHERE account_id = $1 AND id = $2",
        suppressed,
    )
    campaign = await world.campaign(segment_id)
    await world.run("UPDATE campaign SET channel = 'SMS' WHERE account_id = $1 AND id = $2", campaign)
    assert [row["id"] for row in await rows(client, campaign, "Campaign")] == [str(stays)]


@pytest.mark.parametrize(("format", "text"), [("CSV", ",".join([*NAMES, "addedAt"]) + "\n"), ("NDJSON", "")])
async def test_an_empty_segment_is_a_file_without_lines(client: Client, world: World, format: str, text: str) -> None:
    response = await fetched(client, await url(client, await world.segment(), format))
    assert (response.status_code, response.text) == (200, text)


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("Nurses", "Nurses.csv", "Nurses.csv"),
        ('../a "b"; c\\d', ".._a _b_ c_d.csv".lstrip("."), "_a%20_b_%20c_d.csv"),
        ("Zoë 👋", "Zo_ _.csv", "Zo%C3%AB%20%F0%9F%91%8B.csv"),
        ("exe\u202evsc", "exevsc.csv", "exevsc.csv"),
        ("???", "_.csv", "_.csv"),
        ("...", "segment.csv", "segment.csv"),
        ("x" * 200, f"{'x' * 100}.csv", f"{'x' * 100}.csv"),
    ],
)
async def test_the_file_is_called_like_the_segment(
    client: Client, world: World, name: str, plain: str, encoded: str
) -> None:
    response = await fetched(client, await url(client, await world.segment(name)))
    disposition = response.headers["content-disposition"]
    assert disposition == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["cache-control"] == "no-store, private"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_json_says_that_it_is_json(client: Client, world: World) -> None:
    response = await fetched(client, await url(client, await world.segment("Nurses"), "NDJSON"))
    assert response.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert 'filename="Nurses.ndjson"' in response.headers["content-disposition"]


async def test_a_link_that_was_tampered_with_is_refused_wherever_that_was(client: Client, world: World) -> None:
    address = await url(client, await world.segment())
    path, _, token = address.partition("=")
    others = [token[:at] + ("A" if each != "A" else "B") + token[at + 1 :] for at, each in enumerate(token)]
    for other in [*others, "", "no-token", token[:-1], f"{token}A", f"{token}=", "ü", "\x00"]:
        response = await client.http.get(path.partition("?")[0], params={"token": other})
        assert response.status_code == 403, other
        assert response.json()["errors"][0] == {
            "message": "This is not a link that the server made. Ask for a new one.",
            "extensions": {"code": "FORBIDDEN"},
        }
    assert (await client.http.get("/exports")).status_code == 403
    assert (await fetched(client, address)).status_code == 200


async def test_the_secret_of_another_account_signs_nothing_of_ours(
    client: Client, world: World, other_world: World
) -> None:
    """Nor does our own open what belongs to another."""
    ours, theirs = await world.segment(), await other_world.segment()
    assert (await fetched(client, a_link(world, ours))).status_code == 200
    forged = a_link(other_world, ours, account_id=world.account_id)
    unknown = a_link(world, ours, account_id=uuid4())
    assert [(await fetched(client, each)).status_code for each in (forged, unknown)] == [403, 403]
    foreign, random = [await fetched(client, a_link(world, id)) for id in (theirs, uuid4())]
    assert (foreign.status_code, foreign.text) == (random.status_code, random.text)
    assert foreign.status_code == 404


async def test_a_link_is_good_for_as_long_as_the_settings_say(client: Client, world: World, settings: Settings) -> None:
    segment_id = await world.segment()
    link = ExportLink.read((await url(client, segment_id)).partition("=")[2])
    assert 0 <= time.time() + settings.export_url_seconds - link.expires_at < 30
    expired = await fetched(client, a_link(world, segment_id, expires_at=int(time.time())))
    assert expired.status_code == 410
    assert expired.json()["errors"][0]["message"] == "The link has expired. Ask for a new one."
    forged = a_link(await World.make(world.database), segment_id, account_id=world.account_id, expires_at=1)
    assert (await fetched(client, forged)).status_code == 403


async def test_a_link_to_what_was_deleted_finds_nothing(client: Client, world: World) -> None:
    segment_id = await world.segment()
    address = await url(client, segment_id)
    await world.run("DELETE FROM segment WHERE account_id = $1 AND id = $2", segment_id)
    for method in ("GET", "HEAD"):
        assert (await client.http.request(method, address)).status_code == 404


async def test_a_link_of_one_server_is_good_at_another(
    client: Client, world: World, database_url: str, settings: Settings
) -> None:
    address = await url(client, await world.segment())
    async with (
        serving(Server(settings, database_url, SECRET).app) as elsewhere,
        Client.of(elsewhere, settings, SECRET, world.account_id) as other,
    ):
        assert (await fetched(other, address)).status_code == 200


async def test_head_tells_what_get_would_begin_with(client: Client, world: World) -> None:
    address = await url(client, await world.segment("Nurses"))
    head, get = await client.http.head(address), await client.http.get(address)
    assert head.status_code == 200
    assert head.content == b""
    named = ("content-type", "content-disposition", "cache-control")
    assert [head.headers[name] for name in named] == [get.headers[name] for name in named]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_but_reading_is_allowed(client: Client, world: World, method: str) -> None:
    response = await client.http.request(method, await url(client, await world.segment()))
    assert response.status_code == 405
    assert {each.strip() for each in response.headers["allow"].split(",")} == {"GET", "HEAD"}


async def test_who_may_not_read_gets_no_address(server_address: str, settings: Settings, world: World) -> None:
    permissions = [Permission.EDIT_SEGMENTS]
    async with Client.of(server_address, settings, SECRET, world.account_id, permissions) as editor:
        data = await editor.data(
            'mutation { createSegment(input: { name: "x", channel: EMAIL }) { segment { name exportUrl } } }'
        )
        assert data["createSegment"]["segment"] == {"name": "x", "exportUrl": None}
        data = await editor.data(
            'mutation { createCampaign(input: { name: "x", channel: EMAIL }) { campaign { audienceExportUrl } } }'
        )
        assert data["createCampaign"]["campaign"] == {"audienceExportUrl": None}


async def test_addresses_cost_no_statement(client: Client, world: World, statements: list[str]) -> None:
    for _ in range(3):
        await world.segment()
    await client.data("{ viewer { subject } }")
    statements.clear()
    data = await client.data("{ segments { nodes { csv: exportUrl json: exportUrl(format: NDJSON) } } }")
    assert len({address for node in data["segments"]["nodes"] for address in node.values()}) == 6
    assert len(statements) == 1


async def test_the_log_says_who_took_what_and_not_by_which_link(
    client: Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, [await world.candidate(last_name="Byron")])
    address = await url(client, segment_id)
    with caplog.at_level(logging.DEBUG):
        await fetched(client, address)
        await fetched(client, f"{address}A")
    [line] = [record.getMessage() for record in caplog.records if record.name == "segments.exports"]
    for part in (f"account={world.account_id}", f"id={segment_id}", "of=segment", "format=CSV", "status=completed"):
        assert part in line
    assert f"subject=#{world.account.alias_of('tester').hex()}" in line
    # pytest listens to the client, and to uvicorn's log of requests, which the server has turned off.
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("segments")]
    assert not any(address.partition("=")[2][:40] in each or "Byron" in each for each in ours)
    assert redacted(f'"GET {address} HTTP/1.1" 200') == '"GET /exports?[secret] HTTP/1.1" 200'


async def test_a_large_file_comes_whole_and_is_never_held(reading: Client, large: tuple[World, UUID]) -> None:
    address = await url(reading, large[1])
    size, most, ends = 0, 0, b""
    tracemalloc.start()
    try:
        async with reading.http.stream("GET", address) as response:
            assert response.headers["transfer-encoding"] == "chunked"
            async for piece in response.aiter_raw():
                size, ends = size + len(piece), piece[-1:]
                most = max(most, tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert size > MANY * len(LONG)
    assert ends == b"\n"
    assert most < 4_000_000


async def test_it_begins_before_all_is_read_and_waits_for_the_client(
    one_at_a_time: Serve, exporting: Exporting
) -> None:
    client, address = await one_at_a_time()
    download = Unread(client, address)
    assert (await download.begin()).startswith(b"HTTP/1.1 200 OK")
    assert len(await exporting()) == 1, "PostgreSQL waits, as nobody reads"
    rest = await download.rest()
    assert rest.count(LONG.encode()) > MANY * 0.9  # Some names lie on two chunks.
    await until(lambda: _none(exporting))
    download.socket.close()


async def test_beyond_the_most_that_run_at_once_an_export_is_put_off(one_at_a_time: Serve) -> None:
    client, address = await one_at_a_time()
    download = Unread(client, address)
    await download.begin()
    refused = await client.http.get(address)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    assert refused.json()["errors"][0]["message"] == "Too many exports run at this moment. Try again soon."
    assert (await client.http.head(address)).status_code == 200
    await client.data("{ segments { totalCount } }")
    await download.rest()
    download.socket.close()
    await until(lambda: _is(client, address, 200))


async def test_a_server_that_is_too_busy_to_look_up_the_account_says_so(
    database_url: str, settings: Settings, world: World
) -> None:
    busy = Server(settings.model_copy(update={"pool_size": 1, "pool_timeout": 0.05}), database_url, SECRET)
    async with serving(busy.app) as address, httpx.AsyncClient(base_url=address, trust_env=False) as http:
        async with busy.database.snapshot():
            response = await http.get(a_link(world, await world.segment()))
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert response.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"


async def test_one_account_has_not_all_the_places(one_at_a_time: Serve, other_world: World) -> None:
    client, address = await one_at_a_time(max_exports=3)
    theirs = a_link(other_world, await other_world.segment())
    download = Unread(client, address)
    await download.begin()
    refused = await client.http.get(address)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    [error] = refused.json()["errors"]
    assert error["message"] == "The account has as many exports running as it may. Try again when one has ended."
    assert error["extensions"] == {"code": "TOO_MANY_REQUESTS"}
    assert await _is(client, theirs, 200)
    await download.rest()
    download.socket.close()
    await until(lambda: _is(client, address, 200))


async def test_one_account_may_be_let_have_more(one_at_a_time: Serve) -> None:
    client, address = await one_at_a_time(max_exports=3, max_exports_per_account=2)
    downloads = [Unread(client, address) for _ in range(2)]
    for each in downloads:
        assert (await each.begin()).startswith(b"HTTP/1.1 200 OK")
    assert (await client.http.get(address)).status_code == 429
    for each in downloads:
        each.socket.close()


@pytest.mark.parametrize(("most", "for_one"), [(1, 1), (2, 1), (3, 1), (10, 5), (100, 50)])
def test_unless_it_is_set_half_of_the_places_are_for_one_account(most: int, for_one: int) -> None:
    assert Settings(max_exports=most).exports_per_account == for_one


async def test_exports_are_counted(one_at_a_time: Serve) -> None:
    client, address = await one_at_a_time(metrics=True)

    async def metrics() -> Reading:
        return Reading((await client.http.get("/metrics")).text)

    async def ended() -> bool:
        return (await metrics()).value("exports_total", outcome="completed") == 1

    download = Unread(client, address)
    await download.begin()
    await client.http.get(address)
    found = await metrics()
    assert found.value("exports_running") == 1
    assert found.value("exports_total", of="segment", format="CSV", outcome="refused") == 1
    size = len(await download.rest())
    download.socket.close()
    await until(ended)
    found = await metrics()
    assert found.value("exports_running") == 0
    assert size * 0.99 < (found.value("export_bytes_total", of="segment", format="CSV") or 0) < size * 1.01


async def test_when_the_client_goes_the_statement_ends_and_its_place_is_free(
    one_at_a_time: Serve, exporting: Exporting
) -> None:
    client, address = await one_at_a_time()
    for _ in range(5):
        download = Unread(client, address)
        await download.begin()
        assert len(await exporting()) == 1
        download.socket.close()
        await until(lambda: _none(exporting))
    response = await client.http.get(address)
    assert response.status_code == 200
    assert len(response.text.splitlines()) == MANY + 1


async def test_a_client_that_reads_nothing_is_left(one_at_a_time: Serve, exporting: Exporting) -> None:
    client, address = await one_at_a_time(send_timeout=0.3)
    download = Unread(client, address)
    await download.begin()
    await until(lambda: _none(exporting))
    assert not (await download.rest()).endswith(LAST_CHUNK)
    download.socket.close()
    assert (await client.http.get(address)).status_code == 200


async def test_a_client_that_reads_all_but_the_last_pieces_is_left(settings: Settings, world: World) -> None:
    async def account(_: UUID) -> Account:
        return world.account

    async def receive() -> NoReturn:
        await asyncio.Future()
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await asyncio.Future()

    exports = Exports(settings.model_copy(update={"send_timeout": 0.1}), lambda: world.database, account)
    _, _, token = a_link(world, await world.segment()).partition("?")
    scope = {"type": "http", "method": "GET", "path": "/exports", "query_string": token.encode(), "headers": []}
    async with asyncio.timeout(10):
        await exports(scope, receive, send)


async def test_an_export_that_breaks_off_does_not_look_whole(
    one_at_a_time: Serve, exporting: Exporting, superuser_url: str
) -> None:
    client, address = await one_at_a_time()
    download = Unread(client, address)
    assert (await download.begin()).startswith(b"HTTP/1.1 200 OK")
    [process] = await exporting()
    await run(superuser_url, f"SELECT pg_terminate_backend({process})")
    rest = await download.rest()
    assert LONG.encode() in rest
    assert not rest.endswith(LAST_CHUNK)
    download.socket.close()
    await until(lambda: _is(client, address, 200))


async def test_an_export_that_takes_too_long_is_stopped(one_at_a_time: Serve) -> None:
    client, address = await one_at_a_time(export_timeout=0.3)
    download = Unread(client, address)
    await download.begin()
    await asyncio.sleep(0.5)  # The time itself is what is tried.
    assert not (await download.rest()).endswith(LAST_CHUNK)
    download.socket.close()


async def test_what_takes_too_long_to_begin_is_told_in_words(
    one_at_a_time: Serve, superuser_url: str, database_url: str
) -> None:
    client, address = await one_at_a_time(export_timeout=0.3)
    blocker = await asyncpg.connect(as_role(superuser_url, None, urlsplit(database_url).path[1:]))
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE segment_member IN ACCESS EXCLUSIVE MODE")
            refused = await client.http.get(address)
    finally:
        await blocker.close()
    assert refused.status_code == 503
    assert refused.json()["errors"][0]["message"] == "The export took too long and was stopped."


async def _none(find: Exporting) -> bool:
    return not await find()


async def _is(client: Client, address: str, status: int) -> bool:
    async with client.http.stream("GET", address) as response:
        return response.status_code == status


def test_only_ids_are_written_into_a_statement() -> None:
    id = UUID("0198c0de-0000-7000-8000-000000000000")
    assert written_out("a = $1 AND b = ANY($2) AND c = $11 '$'", [id, [id, id], *[id] * 9]) == (
        f"a = '{id}'::uuid AND b = ANY('{{{id},{id}}}'::uuid[]) AND c = '{id}'::uuid '$'"
    )
    for value in ("text", 1, None, ["text"], (id,)):
        with pytest.raises(TypeError):
            written_out("$1", [value])


def test_no_name_of_a_file_leaves_its_directory() -> None:
    for name in ("/etc/passwd", "..", "../..", "C:\\x", "a\x00b", "\u202e", "  .hidden"):
        made = exports.file_name(exports.Named(ExportKind.SEGMENT, uuid4(), name, Channel.EMAIL), ExportFormat.CSV)
        assert made.endswith(".csv")
        assert not made.startswith((".", " "))
        assert not set(made) & set("/\\:\x00\u202e")
