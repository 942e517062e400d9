"""Documents that are asked for by hash or by id, in each dialect and mode, over HTTP."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engine.execution import Engine
from app.settings import InvalidSettingsError, Settings
from tests.engine.sample import explain, graph
from tests.engine.served import asking

HELLO = "query Hello($n: String) { hello(name: $n) }"
DOUBLE = "query Double($n: Int!) { double(number: $n) }"
CHANGE = "mutation Change { change }"
UNKNOWN = "0" * 64

BY_ID = {"hello-1": HELLO, "x-app:double": DOUBLE, "5d41402abc4b2a76b9719d911017c592": CHANGE}
"""As Relay and graphql-codegen write it."""

OF_APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": name, "name": "Any", "type": "query", "body": text, "clientName": "web"} for name, text in BY_ID.items()
    ],
}

Ask = Callable[[httpx.AsyncClient, Mapping[str, Any]], Awaitable[httpx.Response]]


async def by_post(http: httpx.AsyncClient, asked: Mapping[str, Any]) -> httpx.Response:
    return await http.post("/", json=asked)


async def by_get(http: httpx.AsyncClient, asked: Mapping[str, Any]) -> httpx.Response:
    params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}
    return await http.get("/", params=params)


@pytest.fixture(params=[by_post, by_get])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A server that knows no document yet."""
    async with asking() as client:
        yield client


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return written(tmp_path, BY_ID)


def written(directory: Path, manifest: object) -> Path:
    path = directory / "manifest.json"
    path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return path


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(hash_: str, **others: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_}}, **others}


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an answer without data."""
    answer = response.json()
    assert answer.keys() == {"errors"}
    [error] = answer["errors"]
    return response.status_code, error["extensions"]["code"], error["message"]


def greeted(response: httpx.Response) -> bool:
    return (response.status_code, response.json()) == (200, {"data": {"hello": "Hello Ada"}})


ADA = {"variables": {"n": "Ada"}}
NOT_FOUND = (200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
MISMATCH = (400, "BAD_REQUEST", "provided sha does not match query")
BAD_HASH = (400, "BAD_REQUEST", "After `sha256:` come 64 hexadecimal digits in lower case.")
NO_SUCH_ID = (400, "PERSISTED_QUERY_NOT_FOUND", "No document is known here by this id.")
REQUIRED = (400, "PERSISTED_QUERY_REQUIRED", "Only documents that are known here may be run.")
NOT_SUPPORTED = (200, "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
DISAGREE = (400, "BAD_REQUEST", "The id is not that of the `query` beside it.")


async def test_an_apollo_client_registers_a_document_and_asks_by_its_hash(http: httpx.AsyncClient, ask: Ask) -> None:
    assert refusal(await ask(http, apollo(hashed(HELLO), **ADA))) == NOT_FOUND
    assert greeted(await ask(http, apollo(hashed(HELLO), query=HELLO, **ADA)))
    assert greeted(await ask(http, apollo(hashed(HELLO), **ADA)))


async def test_an_apollo_client_may_ask_for_the_media_type_of_graphql(http: httpx.AsyncClient) -> None:
    headers = {"accept": "application/graphql-response+json,application/json;q=0.9"}
    response = await http.post("/", json=apollo(UNKNOWN), headers=headers)
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert refusal(response) == NOT_FOUND


async def test_what_one_client_registered_another_may_ask_for_in_any_dialect(http: httpx.AsyncClient, ask: Ask) -> None:
    await ask(http, apollo(hashed(HELLO), query=HELLO))
    assert greeted(await ask(http, {"documentId": f"sha256:{hashed(HELLO)}", **ADA}))


@pytest.mark.parametrize("hash_", [hashed(HELLO).upper(), hashed(HELLO)[:-1], hashed(HELLO + " "), "", "é", "sha256:"])
async def test_a_hash_that_is_not_that_of_the_query_is_refused(hash_: str, http: httpx.AsyncClient, ask: Ask) -> None:
    assert refusal(await ask(http, apollo(hash_, query=HELLO, **ADA))) == MISMATCH
    assert refusal(await ask(http, apollo(hash_, **ADA))) == NOT_FOUND
    assert refusal(await ask(http, apollo(hashed(HELLO), **ADA))) == NOT_FOUND


@pytest.mark.parametrize("version", [0, 2, 1.5, "1", True, None, [1], 10**18])
async def test_another_version_is_refused(version: object, http: httpx.AsyncClient, ask: Ask) -> None:
    given = {"version": version, "sha256Hash": hashed(HELLO)}
    asked = {"query": HELLO, "extensions": {"persistedQuery": given}}
    assert refusal(await ask(http, asked)) == (400, "BAD_REQUEST", "Unsupported persisted query version")


@pytest.mark.parametrize("given", [5, "x", [], True, {}, {"version": 1}, {"version": 1, "sha256Hash": 5}])
async def test_an_extension_of_another_shape_is_refused(given: object, http: httpx.AsyncClient, ask: Ask) -> None:
    status, code, message = refusal(await ask(http, {"query": HELLO, "extensions": {"persistedQuery": given}}))
    assert (status, code) == (400, "BAD_REQUEST")
    assert message == "`extensions.persistedQuery` must be an object with `version` and `sha256Hash`."


async def test_what_else_stands_in_the_extensions_is_left_alone(http: httpx.AsyncClient, ask: Ask) -> None:
    given = {"version": 1, "sha256Hash": hashed(HELLO), "ttl": 5}
    extensions = {"persistedQuery": given, "clientLibrary": {"name": "@apollo/client"}}
    assert greeted(await ask(http, {"query": HELLO, "extensions": extensions, **ADA}))
    assert greeted(await ask(http, {"query": HELLO, "extensions": {"persistedQuery": None}, **ADA}))


@pytest.mark.parametrize("text", ["{", "{ unknown }", "", "fragment F on Query { hello }"])
async def test_a_document_that_cannot_be_run_is_not_registered(text: str, http: httpx.AsyncClient, ask: Ask) -> None:
    for _ in range(2):
        response = await ask(http, apollo(hashed(text), query=text))
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"].startswith("GRAPHQL_")
        assert refusal(await ask(http, apollo(hashed(text)))) == NOT_FOUND


async def test_an_operation_is_chosen_from_a_registered_document(http: httpx.AsyncClient, ask: Ask) -> None:
    text = f"{HELLO} {DOUBLE}"
    await ask(http, apollo(hashed(text), query=text, operationName="Hello"))
    response = await ask(http, apollo(hashed(text), operationName="Double", variables={"n": 2}))
    assert response.json() == {"data": {"double": 4}}
    assert refusal(await ask(http, apollo(hashed(text))))[1] == "BAD_REQUEST"


async def test_variables_of_a_registered_document_are_checked_like_any(http: httpx.AsyncClient, ask: Ask) -> None:
    await ask(http, apollo(hashed(DOUBLE), query=DOUBLE, variables={"n": 1}))
    response = await ask(http, apollo(hashed(DOUBLE), variables={"n": 2**40}))
    assert refusal(response)[:2] == (400, "BAD_USER_INPUT")


async def test_a_get_changes_nothing_by_hash_either(http: httpx.AsyncClient) -> None:
    assert (await by_post(http, apollo(hashed(CHANGE), query=CHANGE))).json() == {"data": {"change": "changed"}}
    for asked in (apollo(hashed(CHANGE)), {"documentId": f"sha256:{hashed(CHANGE)}"}):
        response = await by_get(http, asked)
        assert refusal(response)[:2] == (405, "METHOD_NOT_ALLOWED")
        assert response.headers["allow"] == "POST"


async def test_many_clients_register_the_same_documents_at_once(http: httpx.AsyncClient, ask: Ask) -> None:
    texts = [f"{HELLO} # {number % 10}" for number in range(100)]
    first = await asyncio.gather(*(ask(http, apollo(hashed(text), query=text, **ADA)) for text in texts))
    assert all(map(greeted, first))
    again = await asyncio.gather(*(ask(http, apollo(hashed(text), **ADA)) for text in texts))
    assert all(map(greeted, again))


async def test_a_registered_document_gives_way_to_others_and_comes_back() -> None:
    async with asking(max_kept_document_bytes=1_000_000) as http:
        await by_post(http, apollo(hashed(HELLO), query=HELLO))
        for number in range(200):
            await by_post(http, {"query": f"{HELLO} # {number}"})
        assert refusal(await by_post(http, apollo(hashed(HELLO), **ADA))) == NOT_FOUND
        assert greeted(await by_post(http, apollo(hashed(HELLO), query=HELLO, **ADA)))
        assert greeted(await by_post(http, apollo(hashed(HELLO), **ADA)))


@pytest.mark.parametrize("dialect", ["documentId", "doc_id"])
async def test_an_id_that_nobody_knows_is_not_found(dialect: str, http: httpx.AsyncClient, ask: Ask) -> None:
    for name in (f"sha256:{UNKNOWN}", UNKNOWN, hashed(HELLO), "hello-1", "x-app:double", "md5:1", ":", "é", "\0"):
        assert refusal(await ask(http, {dialect: name})) == NO_SUCH_ID


@pytest.mark.parametrize("payload", [hashed(HELLO).upper(), hashed(HELLO)[:-1], hashed(HELLO) + "0", "", "g" * 64])
async def test_a_hash_that_is_none_is_refused(payload: str, http: httpx.AsyncClient, ask: Ask) -> None:
    assert refusal(await ask(http, {"documentId": f"sha256:{payload}"})) == BAD_HASH
    assert refusal(await ask(http, {"documentId": f"sha256:{payload}", "query": HELLO})) == BAD_HASH


@pytest.mark.parametrize("given", [5, [], {}, True])
async def test_an_id_is_a_text(given: object, http: httpx.AsyncClient) -> None:
    for dialect in ("documentId", "doc_id"):
        assert refusal(await by_post(http, {dialect: given}))[1:] == ("BAD_REQUEST", f"`{dialect}` must be a string.")


async def test_an_id_and_a_query_must_agree(http: httpx.AsyncClient, ask: Ask) -> None:
    assert greeted(await ask(http, {"documentId": f"sha256:{hashed(HELLO)}", "query": HELLO, **ADA}))
    for name in (f"sha256:{hashed(DOUBLE)}", f"sha256:{UNKNOWN}", "hello-1"):
        assert refusal(await ask(http, {"documentId": name, "query": HELLO, **ADA})) == DISAGREE


async def test_a_document_is_named_in_one_way(http: httpx.AsyncClient, ask: Ask) -> None:
    await ask(http, {"query": HELLO})
    name = f"sha256:{hashed(HELLO)}"
    assert greeted(await ask(http, {"documentId": name, "doc_id": name, **ADA}))
    assert refusal(await ask(http, {"documentId": name, "doc_id": "hello-1"}))[2] == "`documentId` and `doc_id` differ."
    status, code, message = refusal(await ask(http, apollo(hashed(HELLO), documentId=name)))
    assert (status, code) == (400, "BAD_REQUEST")
    assert "not by both" in message


async def test_ids_that_are_empty_or_null_are_none(http: httpx.AsyncClient) -> None:
    for nothing in ("", None):
        assert greeted(await by_post(http, {"query": HELLO, "documentId": nothing, "doc_id": nothing, **ADA}))
        assert refusal(await by_post(http, {"documentId": nothing}))[1] == "BAD_REQUEST"


async def test_while_it_is_off_documents_come_by_text_alone(ask: Ask) -> None:
    async with asking(persisted_documents="off") as http:
        assert greeted(await ask(http, {"query": HELLO, **ADA}))
        for named in (apollo(hashed(HELLO)), {"documentId": f"sha256:{hashed(HELLO)}"}, {"doc_id": "1"}):
            assert refusal(await ask(http, named)) == NOT_SUPPORTED
            assert refusal(await ask(http, {"query": HELLO, **named})) == NOT_SUPPORTED


@pytest.mark.parametrize("manifest", [BY_ID, OF_APOLLO], ids=["relay", "apollo"])
@pytest.mark.parametrize("mode", ["apq", "trusted-only"])
async def test_documents_of_a_manifest_are_known_from_the_start(
    manifest: object, mode: str, ask: Ask, tmp_path: Path
) -> None:
    async with asking(persisted_documents=mode, trusted_documents=written(tmp_path, manifest)) as http:
        for named in (
            {"documentId": "hello-1"},
            {"doc_id": "hello-1"},
            {"documentId": f"sha256:{hashed(HELLO)}"},
            {"documentId": "hello-1", "query": HELLO},
            {"query": HELLO},
            apollo(hashed(HELLO)),
            apollo("hello-1"),
            apollo(hashed(HELLO), query=HELLO),
        ):
            assert greeted(await ask(http, {**named, **ADA})), named
        assert (await ask(http, {"documentId": "x-app:double", "variables": {"n": 4}})).json() == {
            "data": {"double": 8}
        }
        assert refusal(await ask(http, {"documentId": "hello-1", "query": DOUBLE})) == DISAGREE
        assert refusal(await ask(http, {"documentId": "hello-2"})) == NO_SUCH_ID


@pytest.mark.parametrize("prefix", ["", "sha256:"])
async def test_the_ids_of_a_manifest_may_be_hashes(prefix: str, ask: Ask, tmp_path: Path) -> None:
    """As graphql-codegen writes it with the hash algorithm sha256, with a prefix and without."""
    manifest = written(tmp_path, {prefix + hashed(HELLO): HELLO})
    async with asking(persisted_documents="trusted-only", trusted_documents=manifest) as http:
        for named in (
            {"documentId": prefix + hashed(HELLO)},
            {"documentId": f"sha256:{hashed(HELLO)}"},
            apollo(hashed(HELLO)),
        ):
            assert greeted(await ask(http, {**named, **ADA}))


async def test_when_only_trusted_documents_run_every_other_is_refused(ask: Ask, manifest: Path) -> None:
    async with asking(persisted_documents="trusted-only", trusted_documents=manifest) as http:
        for text in ("{ hello }", f"{HELLO} ", "{ __schema { queryType { name } } }", "{ __typename }", "{", ""):
            assert refusal(await ask(http, {"query": text})) == REQUIRED
            assert refusal(await ask(http, apollo(hashed(text)))) == NOT_FOUND
            assert refusal(await ask(http, apollo(hashed(text), query=text))) == REQUIRED
            assert refusal(await ask(http, {"documentId": f"sha256:{hashed(text)}", "query": text})) == REQUIRED
            assert refusal(await ask(http, {"documentId": f"sha256:{hashed(text)}"})) == NO_SUCH_ID
        assert refusal(await ask(http, apollo(hashed("{ hello }"), query=HELLO))) == MISMATCH


async def test_introspection_runs_when_it_is_trusted(tmp_path: Path) -> None:
    text = "{ __schema { queryType { name } } }"
    path = written(tmp_path, {"introspection": text})
    async with asking(persisted_documents="trusted-only", trusted_documents=path) as http:
        for asked in ({"query": text}, {"documentId": "introspection"}):
            answer = (await by_post(http, asked)).json()
            assert answer == {"data": {"__schema": {"queryType": {"name": "Query"}}}}


async def test_nobody_pushes_a_document_of_a_manifest_out(manifest: Path) -> None:
    async with asking(trusted_documents=manifest, max_kept_document_bytes=1_000_000) as http:
        for number in range(200):
            await by_post(http, {"query": f"{HELLO} # {number}"})
        assert greeted(await by_post(http, {"documentId": "hello-1", **ADA}))
        assert greeted(await by_post(http, apollo(hashed(HELLO), **ADA)))


async def test_a_trusted_mutation_is_not_for_get(manifest: Path) -> None:
    async with asking(persisted_documents="trusted-only", trusted_documents=manifest) as http:
        asked = {"doc_id": "5d41402abc4b2a76b9719d911017c592"}
        assert (await by_post(http, asked)).json() == {"data": {"change": "changed"}}
        assert refusal(await by_get(http, asked))[:2] == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("text", ["{ unknown }", "{", "{ " + "hello " * 200 + "}"], ids=lambda text: text[:10])
async def test_a_trusted_document_that_does_not_fit_is_named_and_the_others_run(
    text: str, ask: Ask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, {"hello-1": HELLO, "old": text})
    with caplog.at_level(logging.WARNING, "app.engine.persisted"):
        async with asking(persisted_documents="trusted-only", trusted_documents=path, max_tokens=100) as http:
            assert greeted(await ask(http, {"documentId": "hello-1", **ADA}))
            named = ({"documentId": "old"}, {"documentId": f"sha256:{hashed(text)}"}, apollo(hashed(text)))
            answers = [await ask(http, each) for each in named]
    [warning] = [record.getMessage() for record in caplog.records if record.name == "app.engine.persisted"]
    assert warning.startswith("The trusted document old does not fit: ")
    for response in answers:
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"].startswith("GRAPHQL_")


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "must be a JSON object"),
        ("{}", "has no documents"),
        ({"a": 5}, "must have a text as the document 'a'"),
        ({"a": HELLO, "b": {"body": HELLO}}, "must have a text as the document 'b'"),
        ({f"sha256:{UNKNOWN}": HELLO}, f"of another hash, sha256:{hashed(HELLO)}"),
        ({f"sha256:{hashed(HELLO).upper()}": HELLO}, "of another hash"),
        ({**OF_APOLLO, "format": "other"}, "must be of the format 'apollo-persisted-query-manifest', version 1"),
        ({**OF_APOLLO, "version": 2}, "must be of the format"),
        ({**OF_APOLLO, "operations": None}, "must have a list of `operations`"),
        ({**OF_APOLLO, "operations": []}, "has no documents"),
        ({**OF_APOLLO, "operations": [5]}, "must have an `id` and a `body`"),
        ({**OF_APOLLO, "operations": [{"id": "a"}]}, "must have an `id` and a `body`"),
        ({**OF_APOLLO, "operations": [{"id": 1, "body": HELLO}]}, "must have an `id` and a `body`"),
        (
            {**OF_APOLLO, "operations": [{"id": "a", "body": HELLO}, {"id": "a", "body": DOUBLE}]},
            "has two documents of the id 'a'",
        ),
    ],
    ids=str,
)
def test_a_manifest_that_is_none_is_refused_at_the_start(manifest: object, problem: str, tmp_path: Path) -> None:
    path = written(tmp_path, manifest)
    with pytest.raises(InvalidSettingsError) as refused:
        Engine(graph(), Settings(trusted_documents=path), explain)
    assert str(refused.value).startswith(f"SEGMENTS_TRUSTED_DOCUMENTS: {path} ")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)
