"""Values at the edge of what their types allow, wherever a request can give one: never our fault, always an answer."""

import orjson
import pytest

from tests.asking import Place, ask_at, inputs
from tests.client import Client
from tests.inventory import Inventory

NUL = "a\0b"

TEXTS = [
    NUL,
    "",
    " ",
    "\ufffe",
    "\u2028",
    "\U0001f469\u200d\U0001f4bb",
    "\u202e",
    "%_\\",
    "'; --",
    "a & b | !c <-> (d:*)",
    "x" * 10_000,
    "0" * 36,
]
NUMBERS = [0, -1, 2**31 - 1, -(2**31)]
MOMENTS = [
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-02T00:00:00+23:59",
    "9999-12-30T23:59:59.999999-23:59",
]
UNREADABLE_MOMENTS = [
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "10000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "infinity",
    NUL,
]
DAYS = ["0001-01-01", "2024-02-29", "9999-12-31"]
UNREADABLE_DAYS = ["0000-01-01", "2026-02-29", "10000-01-01", "2026-1-1", "2026-01-01T00:00:00Z", "infinity", NUL]
UNREADABLE_NUMBERS = [2**31, -(2**31) - 1, 2**64, 10**30, 0.5, "1", True]


def places_of(*kinds: str) -> list[Place]:
    """Where values of these types go: each argument and input field once for reading and once for changing."""
    found: dict[tuple[str, str, bool], Place] = {}
    for place, kind in sorted(inputs(), key=lambda found: len(found[0].path)):
        if kind in kinds:
            found.setdefault((place.owner, place.name, place.of_a_change), place)
    return list(found.values())


@pytest.fixture
def own(place: Place, ours: Inventory, changing: Inventory) -> Inventory:
    """The account that asks: what mutations leave must not matter to queries."""
    return changing if place.of_a_change else ours


@pytest.fixture
def own_client(place: Place, our_client: Client, changing_client: Client) -> Client:
    return changing_client if place.of_a_change else our_client


def test_there_are_no_other_types_of_value() -> None:
    """Give a new scalar its odd values above."""
    closed = {"Boolean", "Channel", "CandidateListMode", "ExportFormat"}
    kinds = {kind for _, kind in inputs() if not kind.endswith(("OrderField", "Direction", "Policy"))}
    assert kinds - closed == {"ID", "String", "Int", "DateTime", "Date"}


async def answered(client: Client, place: Place, own: Inventory, value: object) -> str:
    asked = ask_at(place, own, value, None if place.of_a_root else str(own.one(place.type)))
    answer = await client.text(asked.query, **asked.variables)
    assert orjson.loads(answer).keys() <= {"data", "errors"}
    assert "INTERNAL_SERVER_ERROR" not in answer
    return answer


@pytest.mark.parametrize("place", places_of("String", "ID"), ids=str)
async def test_any_text_has_an_answer(place: Place, own: Inventory, own_client: Client) -> None:
    for text in TEXTS:
        await answered(own_client, place, own, text)


@pytest.mark.parametrize("place", places_of("String"), ids=str)
async def test_a_text_with_nul_is_refused(place: Place, own: Inventory, own_client: Client) -> None:
    before = await own.digest()
    answer = await answered(own_client, place, own, NUL)
    assert "BAD_USER_INPUT" in answer or "INVALID_INPUT" in answer
    # That a sync came of which nothing was good may be written down.
    assert {**await own.digest(), "audit_entry": before["audit_entry"]} == before


@pytest.mark.parametrize("place", places_of("Int"), ids=str)
async def test_any_number_has_an_answer(place: Place, own: Inventory, own_client: Client) -> None:
    for number in NUMBERS:
        await answered(own_client, place, own, number)
    for value in UNREADABLE_NUMBERS:
        assert "BAD_USER_INPUT" in await answered(own_client, place, own, value)


@pytest.mark.parametrize("place", places_of("DateTime"), ids=str)
async def test_any_moment_has_an_answer(place: Place, own: Inventory, own_client: Client) -> None:
    for moment in MOMENTS:
        answer = await answered(own_client, place, own, moment)
        assert "BAD_USER_INPUT" not in answer or "`at` is in the future." in answer
    for value in UNREADABLE_MOMENTS:
        assert "BAD_USER_INPUT" in await answered(own_client, place, own, value)


@pytest.mark.parametrize("place", places_of("Date"), ids=str)
async def test_any_day_has_an_answer(place: Place, own: Inventory, own_client: Client) -> None:
    for day in DAYS:
        assert "BAD_USER_INPUT" not in await answered(own_client, place, own, day)
    for value in UNREADABLE_DAYS:
        assert "BAD_USER_INPUT" in await answered(own_client, place, own, value)


@pytest.mark.parametrize("depth", [5, 50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 800, 1_000])
async def test_a_filter_of_any_depth_has_an_answer(depth: int, our_client: Client) -> None:
    for opening, closing in (('{"not":', "}"), ('{"and":[', "]}"), ('{"or":[', "]}")):
        body = (
            '{"query": "query($f: CandidateFilter) { candidates(filter: $f) { totalCount } }", "variables": {"f": '
            + f"{opening * depth}{{}}{closing * depth}}}}}"
        )
        response = await our_client.http.post("/graphql", content=body, headers={"content-type": "application/json"})
        assert response.status_code in (200, 400)
        assert response.json()["errors"][0]["extensions"]["code"] in (
            "BAD_USER_INPUT",
            "BAD_REQUEST",
            "VALUE_DEPTH_LIMIT_EXCEEDED",
        )
