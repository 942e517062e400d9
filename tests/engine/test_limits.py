"""How large a document and its variables may be: each limit from both sides, and what takes how long to refuse."""

from collections.abc import AsyncIterator, Callable
from time import process_time
from typing import Any

import httpx
import pytest
from graphql import build_schema, get_introspection_query

from app.engine.documents import Documents
from app.engine.errors import RefusedDocumentError
from app.engine.execution import Engine
from app.engine.http import GraphQLApp
from app.engine.limits import MOST_COUNTED, Limits
from app.settings import Settings
from tests.engine.sample import authenticate, explain, graph

SCHEMA = build_schema("""
directive @mark(n: Int) repeatable on FIELD | FIELD_DEFINITION | QUERY | VARIABLE_DEFINITION | FRAGMENT_SPREAD
type Query { me: Person, count(list: [Int], lists: [[Int]], text: String, tree: Tree): Int, other: Int }
type Person { friend: Person, name: String, named(like: String): String }
input Tree { inner: Tree, trees: [Tree!] }
""")

INTROSPECTION = get_introspection_query(
    descriptions=True,
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
)


def settings(**limits: Any) -> Settings:
    limits.setdefault("max_tokens", 10_000)
    return Settings.model_construct(**limits)


def refusal(text: str, **limits: int) -> dict[str, Any] | None:
    """The one error that refuses a document under these limits, or None."""
    try:
        Documents(SCHEMA, settings(**limits)).get(text)
    except RefusedDocumentError as refused:
        [error] = refused.formatted()
        return error
    return None


def nested(depth: int) -> str:
    """A selection on Person with so many fields within one another."""
    return "friend { " * (depth - 1) + "name" + " }" * (depth - 1)


def deep_variable(depth: int) -> str:
    return "{ count(lists: " + "[" * depth + "]" * depth + ") }"


ON_BOTH_SIDES: list[tuple[str, int, str, Callable[[int], str]]] = [
    ("max_document_length", 1_000, "DOCUMENT_LENGTH", lambda n: "{ other }".ljust(n)),
    ("max_document_lines", 100, "DOCUMENT_LINES", lambda n: "\n" * (n - 1) + "{ other }"),
    ("max_document_lines", 100, "DOCUMENT_LINES", lambda n: "\r" * (n - 1) + "{ other }"),
    ("max_operations", 5, "OPERATION", lambda n: " ".join(f"query Q{i} {{ other }}" for i in range(n))),
    (
        "max_fragments",
        5,
        "FRAGMENT",
        lambda n: (
            f"{{ {' '.join(f'...F{i}' for i in range(n))} }}"
            + " ".join(f"fragment F{i} on Query {{ other }}" for i in range(n))
        ),
    ),
    ("max_depth", 12, "DEPTH", lambda n: f"{{ me {{ {nested(n - 1)} }} }}"),
    ("max_depth", 12, "DEPTH", lambda n: f"{{ me {{ ... {{ ... on Person {{ {nested(n - 1)} }} }} }} }}"),
    (
        "max_depth",
        12,
        "DEPTH",
        lambda n: f"{{ me {{ friend {{ ...F }} }} }} fragment F on Person {{ {nested(n - 2)} }}",
    ),
    (
        "max_depth",
        12,
        "DEPTH",
        lambda n: (
            "{ me { ...F1 } }"
            + "".join(f" fragment F{i} on Person {{ friend {{ ...F{i + 1} }} }}" for i in range(1, n - 1))
            + f" fragment F{n - 1} on Person {{ name }}"
        ),
    ),
    (
        "max_introspection_depth",
        8,
        "INTROSPECTION_DEPTH",
        lambda n: '{ __type(name: "Query") { ' + "ofType { " * (n - 2) + "name" + " }" * n,
    ),
    (
        "max_introspection_depth",
        8,
        "INTROSPECTION_DEPTH",
        lambda n: (
            "{ __schema { queryType { ...F } } } fragment F on __Type { "
            + "ofType { " * (n - 3)
            + "name"
            + " }" * (n - 2)
        ),
    ),
    ("max_root_fields", 5, "ROOT_FIELD", lambda n: "{ " + "other " * n + "}"),
    ("max_root_fields", 6, "ROOT_FIELD", lambda n: f"{{ ...F ... {{ ...F }} {'other ' * (n - 4)} }} {TWO_FIELDS}"),
    ("max_aliases", 6, "ALIAS", lambda n: "{ me { " + " ".join(f"a{i}: name" for i in range(n)) + " } }"),
    (
        "max_aliases",
        7,
        "ALIAS",
        lambda n: (
            f"{{ me {{ ...F friend {{ ...F ...F }} {'a: name ' * (n - 6)} }} }}"
            " fragment F on Person { a: name b: name }"
        ),
    ),
    ("max_directives", 5, "DIRECTIVE", lambda n: "{ other " + "@mark " * n + "}"),
    (
        "max_directives",
        7,
        "DIRECTIVE",
        lambda n: (
            f"query($v: Int @mark) @mark {{ ...F @mark ...F @mark count(list: [$v]) {'@mark ' * (n - 6)}}}"
            " fragment F on Query { other @mark }"
        ),
    ),
    (
        "max_variables",
        5,
        "VARIABLE",
        lambda n: (
            f"query({' '.join(f'$v{i}: Int' for i in range(n))})"
            f" {{ count(list: [{' '.join(f'$v{i}' for i in range(n))}]) }}"
        ),
    ),
    ("max_fields", 20, "FIELD", lambda n: "{ me { " + "name " * (n - 1) + "} }"),
    (
        "max_fields",
        20,
        "FIELD",
        lambda n: (
            f"query A {{ me {{ ...F ...F }} }} query B {{ me {{ ...F {'name ' * (n - 17)} }} }}"
            " fragment F on Person { name friend { name name name } }"
        ),
    ),
    ("max_list_items", 5, "LIST", lambda n: f"{{ count(list: [{'1 ' * n}]) }}"),
    ("max_list_items", 5, "LIST", lambda n: f"query($v: [Int] = [{'1 ' * n}]) {{ count(list: $v) }}"),
    ("max_string_length", 200, "STRING", lambda n: f'{{ count(text: "{"x" * n}") }}'),
    ("max_string_length", 200, "STRING", lambda n: f'{{ me {{ named(like: """{"x" * n}""") }} }}'),
    (
        "max_json_depth",
        6,
        "VALUE_DEPTH",
        lambda n: "{ count(tree: " + "{inner: " * (n - 1) + "{}" + "}" * (n - 1) + ") }",
    ),
]

TWO_FIELDS = "fragment F on Query { other me { name } }"


@pytest.mark.parametrize(
    ("name", "limit", "code", "document"), ON_BOTH_SIDES, ids=[f"{each[0]}-{i}" for i, each in enumerate(ON_BOTH_SIDES)]
)
def test_a_document_at_a_limit_is_read_and_one_past_it_is_refused(
    name: str, limit: int, code: str, document: Callable[[int], str]
) -> None:
    assert refusal(document(limit), **{name: limit}) is None
    error = refusal(document(limit + 1), **{name: limit})
    assert error is not None
    assert error["extensions"]["code"] == f"{code}_LIMIT_EXCEEDED"
    assert error["extensions"]["limit"] == limit
    assert error["extensions"]["actual"] > limit
    assert str(limit) in error["message"]


def test_comparisons_of_fields_are_limited() -> None:
    """Of 15 equal fields there are 105 pairs."""
    equal = "{ me { " + "name " * 14 + "} }"
    assert refusal(equal, max_field_comparisons=100) is None
    error = refusal(equal.replace("name", "name name", 2), max_field_comparisons=100)
    assert error is not None
    assert error["extensions"] == {"code": "FIELD_COMPARISON_LIMIT_EXCEEDED", "limit": 100}


def test_the_query_of_tools_for_the_schema_passes() -> None:
    assert refusal(INTROSPECTION, max_tokens=2_000) is None


def test_introspection_does_not_hide_depth_beside_it() -> None:
    text = f"{{ __schema {{ queryType {{ name }} }} me {{ {nested(12)} }} }}"
    error = refusal(text)
    assert error is not None
    assert error["extensions"]["code"] == "DEPTH_LIMIT_EXCEEDED"


@pytest.mark.parametrize("doublings", [22, 48])
def test_fragments_that_double_are_refused_at_once(doublings: int) -> None:
    text = "{ ...A0 } " + " ".join(f"fragment A{i} on Query {{ ...A{i + 1} ...A{i + 1} }}" for i in range(doublings))
    text += f" fragment A{doublings} on Query {{ other }}"
    error = quickest(lambda: refusal(text), 0.02)
    assert error is not None
    assert error["extensions"]["code"] == "ROOT_FIELD_LIMIT_EXCEEDED"
    assert error["extensions"]["actual"] == min(2**doublings, MOST_COUNTED)


@pytest.mark.parametrize(
    "fragments",
    [
        "fragment A on Query { ...A }",
        "fragment A on Query { other ...B } fragment B on Query { ...A }",
        "fragment A on Query { other ...B ...B } fragment B on Query { ...C ...C } fragment C on Query { ...A ...B }",
    ],
)
def test_fragments_in_a_circle_are_refused(fragments: str) -> None:
    for text in (f"{{ ...A }} {fragments}", f"{fragments} {{ other }}"):
        error = refusal(text)
        assert error is not None
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "within itself" in error["message"]


def test_fragments_that_are_not_there_are_named_by_validation() -> None:
    error = refusal("{ other ...Nowhere }")
    assert error is not None
    assert error["message"] == "Unknown fragment 'Nowhere'."


def test_a_refusal_does_not_repeat_all_of_a_value() -> None:
    error = refusal(f'{{ count(tree: "{"x" * 5_000}") }}')
    assert error is not None
    assert 1_000 < len(error["message"]) < 1_100


def quickest(ask: Callable[[], Any], most: float) -> Any:
    """What it gives, when the quickest of five attempts takes so many seconds of CPU at most."""
    took = []
    for _ in range(5):
        began = process_time()
        found = ask()
        took.append(process_time() - began)
    assert min(took) < most
    return found


VARIABLES: list[tuple[str, int, str, Callable[[int], Any]]] = [
    ("max_list_items", 5, "LIST", lambda n: {"v": [1] * n}),
    ("max_list_items", 5, "LIST", lambda n: {"v": {"a": [[1] * n]}}),
    ("max_string_length", 200, "STRING", lambda n: {"v": "x" * n}),
    ("max_string_length", 200, "STRING", lambda n: {"v": ["é" * n]}),
    ("max_string_length", 200, "STRING", lambda n: {"v": {"x" * n: 1}}),
    ("max_json_values", 100, "VALUE", lambda n: {"v": [[1] * 9] * 9 + [1] * (n - 91)}),
    ("max_json_values", 100, "VALUE", lambda n: {"v": {str(i): i for i in range(n - 1)}}),
]


@pytest.mark.parametrize(("name", "limit", "code", "variables"), VARIABLES, ids=range(len(VARIABLES)))
def test_variables_at_a_limit_are_taken_and_those_past_it_are_refused(
    name: str, limit: int, code: str, variables: Callable[[int], Any]
) -> None:
    limits = Limits(settings(**{name: limit}))
    limits.demand_small_variables(variables(limit))
    with pytest.raises(RefusedDocumentError) as refused:
        limits.demand_small_variables(variables(limit + 1))
    assert refused.value.code == f"{code}_LIMIT_EXCEEDED"
    assert refused.value.errors[0].extensions == {"limit": limit, "actual": limit + 1}


@pytest.mark.parametrize("opening", ["list", "object"])
def test_variables_nest_so_deep_at_most(opening: str) -> None:
    limits = Limits(settings(max_json_depth=10))

    def nest(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value] if opening == "list" else {"a": value}
        return value

    limits.demand_small_variables({"v": nest(9)})
    for levels in (10, 100_000):
        with pytest.raises(RefusedDocumentError) as refused:
            limits.demand_small_variables({"v": nest(levels)})
        assert refused.value.code == "VALUE_DEPTH_LIMIT_EXCEEDED"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = GraphQLApp(Engine(graph(), Settings(), explain), authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segments.test") as client:
        yield client


@pytest.mark.parametrize(("accept", "status"), [("*/*", 400), ("application/json", 200)])
async def test_what_is_too_large_is_refused_over_http_with_its_code(
    accept: str, status: int, http: httpx.AsyncClient
) -> None:
    for asked, code in (
        ({"query": "{ " + "hello " * 21 + "}"}, "ROOT_FIELD_LIMIT_EXCEEDED"),
        ({"query": "{ hello }", "variables": {"unused": [1] * 1_001}}, "LIST_LIMIT_EXCEEDED"),
    ):
        response = await http.post("/", json=asked, headers={"accept": accept})
        assert response.status_code == status
        answer = response.json()
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
        assert "data" not in answer
