import gc
import tracemalloc
from hashlib import sha256

import pytest
from graphql import build_schema, parse

from app.engine.documents import MOST_ERRORS, Documents, digest, weight
from app.engine.errors import ClientError, RefusedDocumentError
from app.settings import Settings

SCHEMA = build_schema("type Query { hello: String }")


def documents(max_tokens: int = 1_000, max_kept_bytes: int = 1_000_000) -> Documents:
    return Documents(
        SCHEMA,
        Settings.model_construct(
            max_tokens=max_tokens,
            max_kept_document_bytes=max_kept_bytes,
            max_document_length=1_000_000,
            max_root_fields=1_000,
            max_aliases=1_000,
        ),
    )


def text(number: int) -> str:
    """A document of 32 bytes, each as heavy as the others."""
    return f"{{ hello }} # number {number}".ljust(32)


TEN = 10 * weight(text(0), parse(text(0)))
"""Bytes of ten of them."""


def test_a_document_is_read_once() -> None:
    kept = documents()
    assert kept.get("{ hello }") is kept.get("{ hello }")
    assert kept.get("{ hello }") is not kept.get("{hello}")


def test_documents_are_forgotten_when_there_are_too_many_bytes_of_them() -> None:
    kept = documents(max_kept_bytes=TEN)
    first = [kept.get(text(number)) for number in range(10)]
    assert [kept.get(text(number)) for number in range(10)] == first
    kept.get(text(10))
    assert kept.get(text(1)) is first[1]
    assert kept.get(text(0)) is not first[0]


def test_documents_in_use_outlive_others() -> None:
    kept = documents(max_kept_bytes=TEN)
    in_use = kept.get(text(0))
    for number in range(1, 100):
        kept.get(text(number))
        assert kept.get(text(0)) is in_use


def documents_of_all_shapes(count: int) -> list[str]:
    return [
        shape.replace("NUMBER", str(number))
        for number in range(count)
        for shape in (
            "query qNUMBER { hello }",
            "{ " + " ".join(f"aNUMBER_{each}: hello" for each in range(200)) + " }",
            "{ hello } # NUMBER " + "x" * 5_000,
            "{ hello } # NUMBER \U0001f469" + "é" * 2_000,
            "{ ...F } fragment F on Query { ... on Query { aNUMBER: hello @skip(if: false) ... { hello } } }",
        )
    ]


def test_what_is_kept_is_bounded_by_the_memory_it_takes() -> None:
    """Without their plans here, which are counted too."""
    most = 3_000_000
    asked = documents_of_all_shapes(100)
    kept = documents(max_kept_bytes=most)
    kept.get("{ hello }")
    gc.collect()
    tracemalloc.start()
    try:
        for each in asked:
            kept.get(each)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most / 5 < held < most
    assert 0.9 * most < kept._kept_bytes == sum(size for _, size in kept._kept.values()) <= most
    assert len(kept._kept) < len(asked)


def test_a_heavy_document_is_run_and_not_kept() -> None:
    kept = documents(max_kept_bytes=TEN)
    heavy = "{ hello hello } # heavier".ljust(64)
    assert kept.get(heavy) is not kept.get(heavy)
    assert kept._kept_bytes == 0


def test_a_kept_document_is_found_by_the_hash_of_its_text() -> None:
    kept = documents(max_kept_bytes=TEN)
    first = kept.get(text(0))
    assert digest(text(0)) == sha256(text(0).encode()).hexdigest()
    assert kept.kept(digest(text(0))) is first
    assert kept.kept(digest(text(1))) is None
    for number in range(1, 11):
        kept.get(text(number))
    assert kept.kept(digest(text(0))) is None


def test_a_document_that_is_asked_by_its_hash_is_in_use() -> None:
    kept = documents(max_kept_bytes=TEN)
    in_use = kept.get(text(0))
    for number in range(1, 100):
        kept.get(text(number))
        assert kept.kept(digest(text(0))) is in_use


def test_nobody_pushes_a_pinned_document_out() -> None:
    kept = documents(max_kept_bytes=TEN)
    kept.pin(text(0))
    pinned = kept.get(text(0))
    for number in range(1, 100):
        kept.get(text(number))
    assert kept.get(text(0)) is kept.kept(digest(text(0))) is pinned
    assert len(kept._kept) == 10


def test_a_refused_document_is_not_kept() -> None:
    kept = documents()
    for _ in range(2):
        with pytest.raises(RefusedDocumentError):
            kept.get("{ unknown }")
    assert not kept._kept


def test_a_document_has_so_many_tokens_at_most() -> None:
    kept = documents(max_tokens=10)
    kept.get("{ " + "hello " * 8 + "}")
    with pytest.raises(RefusedDocumentError) as refused:
        kept.get("{ " + "hello " * 9 + "}")
    assert refused.value.code == "GRAPHQL_PARSE_FAILED"


def test_a_document_names_at_most_so_many_mistakes() -> None:
    with pytest.raises(RefusedDocumentError) as refused:
        documents().get("{ " + " ".join(f"unknown{number}" for number in range(100)) + " }")
    assert len(refused.value.errors) == MOST_ERRORS + 1


@pytest.mark.parametrize("nested", ["{ hello", "{ hello(a: [", "query($a: ["])
def test_a_document_that_nests_too_deep_is_refused(nested: str) -> None:
    with pytest.raises(RefusedDocumentError) as refused:
        documents(max_tokens=100_000).get(nested + nested[-1] * 20_000)
    assert refused.value.code == "GRAPHQL_PARSE_FAILED"


def test_an_operation_is_found_by_its_name() -> None:
    document = documents().get("query a { hello } query b { hello }")
    assert document.operation("b").name
    for name in (None, "c", ""):
        with pytest.raises(ClientError) as refused:
            document.operation(name)
        assert (refused.value.code, refused.value.status) == ("BAD_REQUEST", 400)


def test_the_only_operation_needs_no_name() -> None:
    document = documents().get("query a { hello }")
    assert document.operation(None) is document.operation("a")
