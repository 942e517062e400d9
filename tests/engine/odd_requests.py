"""HTTP requests that no client means to send: well-formed as HTTP, and as odd as can be in all that they carry."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from hypothesis import strategies as st

Strategy = st.SearchStrategy

MEDIA_TYPES = (
    "application/json",
    "application/graphql-response+json",
    "application/graphql+json",
    "application/graphql",
    "text/event-stream",
    "multipart/mixed",
    "text/plain",
    "application/*",
    "*/*",
    "*/json",
    "/",
    "",
)
QUALITIES = (
    "0",
    "1",
    "0.5",
    "0.123",
    "1.000",
    "1.001",
    "2",
    "-1",
    ".5",
    "1e3",
    "nan",
    "inf",
    "0,5",
    '"1"',
    "",
    " 1 ",
    "٣",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp1252", "cp500")
METHODS = ("POST",) * 8 + ("GET",) * 3 + ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")

# Controls but for the tab end a header in HTTP.
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
texts = st.text(st.characters(), max_size=30) | st.sampled_from(
    ("\0", "\ufeff", "\ufffe", "\ud800", "\udfff\ud800", "💥")
)
numbers = (
    st.integers() | st.floats() | st.sampled_from((2**31, -(2**31) - 1, 2**63, 2**64, 10**400, -0.0, 1e308, 5e-324))
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True)
class OddRequest:
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[bytes, ...]
    """The body. One chunk is sent with its length, several are sent as chunks."""

    def encoded(self, host: str, path: str, authorization: str | None) -> bytes:
        """As it goes over the wire, with the sender's authorization unless it has one of its own."""
        given = {name.lower() for name, _ in self.headers}
        lines = [f"{self.method} {path}{self.target} HTTP/1.1", f"host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if authorization is not None and "authorization" not in given:
            lines.append(f"authorization: {authorization}")
        if len(self.chunks) == 1:
            lines.append(f"content-length: {len(self.chunks[0])}")
            body = self.chunks[0]
        elif self.chunks:
            lines.append("transfer-encoding: chunked")
            body = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in self.chunks if each) + b"0\r\n\r\n"
        else:
            body = b""
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


@st.composite
def odd_requests(draw: st.DrawFn, documents: Sequence[str]) -> OddRequest:
    """Requests of these documents that are odd in a way or two, so that the rest of them is looked at as well."""
    odd = draw(st.sets(st.sampled_from(("asked", "body", "chunks", "headers", "method", "query string")), max_size=2))
    asked = draw(_asked(documents) if "asked" in odd else _good(documents))
    method = draw(st.sampled_from(METHODS if "method" in odd else ("POST", "POST", "GET")))
    headers = draw(_headers() if "headers" in odd else st.just((("content-type", "application/json"),)))
    target = draw(_query_strings()) if "query string" in odd else _query_string(asked) if method == "GET" else ""
    body = draw(_bodies(asked, documents)) if "body" in odd else json.dumps(asked).encode()
    if "chunks" in odd:
        chunks = draw(st.just(()) | st.integers(1, 4_000).map(lambda size: _split(body, size)))
    else:
        chunks = () if method == "GET" else (body,)
    return OddRequest(method, target, headers, chunks)


def _good(documents: Sequence[str]) -> Strategy[dict[str, Any]]:
    return st.sampled_from(documents).map(lambda text: {"query": text, "operationName": "A" if " A" in text else None})


def _asked(documents: Sequence[str]) -> Strategy[dict[str, Any]]:
    """A request with one to three members of it changed, or without some."""
    document = st.sampled_from(documents)
    hashes = document.map(lambda text: sha256(text.encode()).hexdigest())
    hash_ = hashes | hashes | texts
    persisted = st.fixed_dictionaries({"version": st.just(1) | values, "sha256Hash": hash_}) | values
    changes = {
        "query": document | texts | values | st.builds(_spliced, document, document, st.integers(0, 60)),
        "variables": st.dictionaries(st.sampled_from(("n", "f", "first")) | texts, values, max_size=3) | values,
        "operationName": st.sampled_from(("A", "B", "")) | texts | values,
        "extensions": st.fixed_dictionaries({"persistedQuery": persisted}) | values,
        "documentId": hash_ | hashes.map("sha256:{}".format) | values,
        "doc_id": texts | values,
        "unknown": values,
    }
    changed = st.sets(st.sampled_from(sorted(changes)), min_size=1, max_size=3).flatmap(
        lambda names: st.fixed_dictionaries({name: changes[name] for name in sorted(names)})
    )
    without = st.just(()) | st.just(("query",)) | st.just(("operationName",))
    return st.builds(
        lambda good, change, gone: {name: each for name, each in (good | change).items() if name not in gone},
        _good(documents),
        changed,
        without,
    )


def _bodies(asked: dict[str, Any], documents: Sequence[str]) -> Strategy[bytes]:
    return st.one_of(
        st.builds(_in_encoding, st.just(asked), st.sampled_from(ENCODINGS)),
        st.builds(_mutated, st.just(asked), st.integers(0, 120), st.integers(0, 8), st.binary(max_size=8)),
        st.builds(_with_raw_value, st.sampled_from(documents), st.sampled_from(RAW_VALUES)),
        st.builds(_nested, st.sampled_from(('{"variables":', "[", '{"a":[')), st.integers(1, 8_000)),
        values.map(lambda value: json.dumps(value).encode()),
        st.binary(max_size=200),
        st.integers(45_000, 60_000).map(lambda size: json.dumps({"query": documents[0] + " " * size}).encode()),
    )


def _headers() -> Strategy[tuple[tuple[str, str], ...]]:
    media_type = st.sampled_from(MEDIA_TYPES) | header_values
    quality = st.sampled_from(QUALITIES).map(";q={}".format) | st.just("") | header_values.map(";{}".format)
    accept = st.lists(st.builds("{}{}".format, media_type, quality), max_size=4).map(",".join)
    content_type = st.one_of(
        st.just("application/json"),
        st.just("application/json"),
        st.just("application/json; charset=utf-8"),
        st.builds("{};{}".format, media_type, st.sampled_from(("charset=utf-16", 'charset="UTF-8"', "charset", "=;"))),
        media_type,
    )
    request_id = st.sampled_from(("a" * 64, "a" * 65, "é", "../..", "{}")) | header_values
    others = st.tuples(
        st.sampled_from(
            ("content-encoding", "x-request-id", "cookie", "origin", "expect", "accept-language", "accept")
        ),
        header_values | st.sampled_from(("identity", "gzip", "br", "gzip, identity", "")),
    )
    authorization = st.sampled_from(("Bearer", "Bearer ", "Basic eDp5", "Bearer a.b.c", "bearer " + "e30." * 3))
    return st.builds(
        lambda *groups: tuple(pair for group in groups for pair in group),
        st.just(()) | accept.map(lambda value: (("accept", value),)),
        content_type.map(lambda value: (("content-type", value),)) | st.just(()),
        st.just(()) | st.just(()) | request_id.map(lambda value: (("x-request-id", value),)),
        st.lists(others, max_size=2),
        st.just(()) | st.just(()) | (authorization | header_values).map(lambda value: (("authorization", value),)),
    )


def _query_strings() -> Strategy[str]:
    return st.one_of(
        st.binary(max_size=60).map(lambda raw: "?query=" + quote_from_bytes(raw)),
        st.text("?&=%+;0aFquery\\{}[]", max_size=40).map(lambda text: f"?{text}"),
        st.text("?&=%+;0aFquery\\{}[]", max_size=40).map(lambda text: f"?query={{__typename}}&{text}"),
    )


def _query_string(asked: dict[str, Any]) -> str:
    return "?" + urlencode({name: _in_query_string(each) for name, each in asked.items() if each is not None})


def _in_query_string(value: object) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")


def _in_encoding(value: object, encoding: str) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode(encoding, "surrogatepass")
    except UnicodeError:
        return text.encode(encoding, "replace")


def _mutated(value: object, at: int, gone: int, put: bytes) -> bytes:
    body = json.dumps(value).encode()
    return body[:at] + put + body[at + gone :]


def _spliced(text: str, other: str, at: int) -> str:
    return text[:at] + other[at // 2 :]


RAW_VALUES = (
    "NaN",
    "Infinity",
    "1e999",
    "-1e-999",
    "1" * 5_000,
    "0x10",
    "01",
    '"\\ud800"',
    '"\\u0000"',
    "{}{}",
    "[1,]",
    "",
)


def _with_raw_value(document: str, raw: str) -> bytes:
    return f'{{"query": {json.dumps(document)}, "variables": {{"n": {raw}}}}}'.encode()


def _nested(opening: str, depth: int) -> bytes:
    closing = "".join({"{": "}", "[": "]"}.get(each, "") for each in reversed(opening))
    return (opening * depth + "1" + closing * depth).encode()


def _split(body: bytes, size: int) -> tuple[bytes, ...]:
    return (*(body[at : at + size] for at in range(0, len(body), size)), b"")
