"""Which media type suits an Accept header."""

import pytest

from app.engine.accepting import accepted, names
from app.engine.http import GRAPHQL_JSON, OFFERED, OFFERED_TO_KNOWING
from app.engine.requests import JSON


@pytest.mark.parametrize("header", ["", " ", ",", ", ,", "json", "/", "application/", "/json", ";q=1", "\xff", "q=0"])
def test_a_header_that_says_nothing_takes_what_is_offered_first(header: str) -> None:
    assert accepted(header, OFFERED) == JSON
    assert accepted(header, OFFERED_TO_KNOWING) == GRAPHQL_JSON


@pytest.mark.parametrize(
    "header",
    [
        "application/json",
        "APPLICATION/JSON",
        " application/json ; q=0.001 ",
        "application/json;charset=utf-8",
        "application/json;q=0.9;ext=1",
        "application/*",
        "*/*",
        "text/html, application/xml;q=0.9, */*;q=0.8",
        "application/graphql-response+json;q=0, */*",
        "application/graphql-response+json;q=0.5, application/json;q=0.6",
        "application/*;q=0.1, application/json",
        "nonsense, application/json",
        "*/*;q=0, application/json",
    ],
)
def test_plain_json_is_taken(header: str) -> None:
    assert accepted(header, OFFERED) == JSON
    assert accepted(header.replace(", ", ","), OFFERED) == JSON


@pytest.mark.parametrize(
    "header",
    [
        "application/graphql-response+json",
        "Application/GraphQL-Response+JSON",
        "application/json;q=0.5, application/graphql-response+json",
        "application/json;q=0, */*",
        "application/json;q=0, application/*;q=0.1",
        "application/json;q=0.899, application/graphql-response+json;q=.9",
        "application/graphql-response+json, */*;q=0.9",
        "application/graphql-response+json, */*",
    ],
)
def test_the_media_type_of_graphql_is_taken(header: str) -> None:
    assert accepted(header, OFFERED) == GRAPHQL_JSON


@pytest.mark.parametrize(
    "header",
    [
        "text/html",
        "application/xml, text/*",
        "application/jsonp",
        "json/application",
        "*/json",
        "application/json;q=0",
        "application/json;q=0.000",
        "*/*;q=0",
        "application/*;q=0, */*",
        "application/json;q=0, application/graphql-response+json;q=0, */*",
    ],
)
def test_nothing_is_taken_that_is_not_named(header: str) -> None:
    assert accepted(header, OFFERED) is None


@pytest.mark.parametrize("quality", ["2", "1.001", "-1", "nan", "inf", "1e0", "0.1234", "", '"1"', "0,5", "٣", "+1"])
def test_a_quality_that_is_none_takes_nothing(quality: str) -> None:
    assert accepted(f"application/json;q={quality}", OFFERED) is None
    assert accepted(f"application/json;q={quality}, */*;q=0.1", OFFERED) == GRAPHQL_JSON


@pytest.mark.parametrize("quality", ["1", "1.", "1.0", "1.000", "0.5", ".5", "0.001", " 0.5 "])
def test_a_quality_is_from_nought_to_one_in_thousandths(quality: str) -> None:
    assert accepted(f"application/json;q={quality}", OFFERED) == JSON
    assert accepted(f"application/json;Q={quality}", OFFERED) == JSON


def test_a_range_that_is_named_twice_counts_at_its_best() -> None:
    assert accepted("application/json;q=0, application/json;q=0.2, application/*;q=0.1", OFFERED) == JSON


def test_among_equals_the_first_offered_comes_first() -> None:
    both = f"{JSON}, {GRAPHQL_JSON}"
    assert accepted(both, OFFERED) == JSON
    assert accepted(both, OFFERED_TO_KNOWING) == GRAPHQL_JSON


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("application/json", True),
        ("text/html, Application/JSON;q=0.1", True),
        ("application/*", False),
        ("*/*", False),
        ("", False),
        ("application/jsonp", False),
    ],
)
def test_a_type_is_named_by_itself_and_not_by_a_wildcard(header: str, named: bool) -> None:
    assert names(header, JSON) is named
