import pytest
from graphql import build_schema

from app.engine.documents import MOST_ERRORS, Documents
from app.engine.errors import ClientError, RefusedDocumentError
from app.settings import Settings

SCHEMA = build_schema("type Query { hello: String }")


def documents(max_tokens: int = 1_000, max_kept_bytes: int = 1_000) -> Documents:
    return Documents(
        SCHEMA,
        Settings.model_construct(
            max_tokens=max_tokens,
            max_kept_document_bytes=max_kept_bytes,
            max_document_length=1_000_000,
            max_root_fields=1_000,
        ),
    )


def text(number: int) -> str:
    """A document of 32 bytes."""
    return f"{{ hello }} # number {number}".ljust(32)


def test_a_document_is_read_once() -> None:
    kept = documents()
    assert kept.get("{ hello }") is kept.get("{ hello }")
    assert kept.get("{ hello }") is not kept.get("{hello}")


def test_documents_are_forgotten_when_there_are_too_many_bytes_of_them() -> None:
    kept = documents(max_kept_bytes=320)
    first = [kept.get(text(number)) for number in range(10)]
    assert [kept.get(text(number)) for number in range(10)] == first
    kept.get(text(10))
    assert kept.get(text(1)) is first[1]
    assert kept.get(text(0)) is not first[0]


def test_documents_in_use_outlive_others() -> None:
    kept = documents(max_kept_bytes=320)
    in_use = kept.get(text(0))
    for number in range(1, 100):
        kept.get(text(number))
        assert kept.get(text(0)) is in_use


def test_what_is_kept_is_bounded_whatever_is_asked() -> None:
    kept = documents(max_kept_bytes=3_200)
    for number in range(1_000):
        kept.get(text(number))
        kept.get(f"{{ hello }} # {'é' * (number % 200)}")
        assert kept._kept_bytes == sum(len(each.encode()) for each in kept._kept) <= 3_200


def test_a_long_document_is_run_and_not_kept() -> None:
    kept = documents(max_kept_bytes=1_000)
    long = "{ hello } # " + "x" * 100
    assert kept.get(long) is not kept.get(long)


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
