"""Schemathesis: queries and mutations made up from the schema that the server tells, half of them against it. Whatever
they ask, the answer is a GraphQL answer, and nothing in it is our fault.

To try more than the few hundred of a usual run:
`SCHEMATHESIS_CASES=5000 .venv/bin/pytest -n0 tests/clients/test_schemathesis.py`.
"""

import asyncio
import os
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, strategies
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok

from app.database import Database
from app.settings import Settings
from tests.asking import CURSORS, KEYS, places
from tests.client import Client
from tests.conftest import SECRET
from tests.inventory import Inventory

CASES = int(os.environ.get("SCHEMATHESIS_CASES", "200"))

pytestmark = [pytest.mark.storm, pytest.mark.timeout(120 + CASES)]


@pytest.fixture
async def own(database: Database) -> Inventory:
    """An account that these tests may do anything to, with segments enough to delete."""
    inventory = await Inventory.make(database, "schemathesis")
    for _ in range(50):
        inventory.ids["Segment"].append(await inventory.world.segment())
    return inventory


def made_up(own: Inventory, address: str, headers: dict[str, str]) -> strategies.SearchStrategy[Case[Any]]:
    """Requests for every root field. Ids are mostly the account's, and pages mostly of a size that is allowed."""
    ids = [str(id) for kind in own.ids.values() for id in kind]
    binding: dict[str, Any] = {"dictionary": "ids", "probability": 0.8}
    bound = {
        f"{place.type}.{place.field}.{'.'.join(place.path)}{item}": binding
        for place in places()
        if place.name not in CURSORS + KEYS
        for item in ("", "[*]")
    }
    sizes: dict[str, Any] = {f"*.*.{name}": {"dictionary": "sizes", "probability": 0.8} for name in ("first", "last")}
    config = SchemathesisConfig.from_dict(
        {
            "dictionaries": {"ids": {"values": ids}, "sizes": {"values": [0, 1, 2, 100]}},
            "parameters": {**bound, **sizes},
        }
    )
    loaded = schemathesis.graphql.from_url(f"{address}/graphql", config=config, headers=headers)
    operations = [found.ok() for found in loaded.get_all_operations() if isinstance(found, Ok)]
    return strategies.one_of(
        [operation.as_strategy(generation_mode=mode) for operation in operations for mode in GenerationMode]
    )


async def test_whatever_is_asked_has_an_answer(server_address: str, settings: Settings, own: Inventory) -> None:
    async with Client.of(server_address, settings, SECRET, own.account_id) as client:
        headers = dict(client.http.headers)
    counted = {"answered": 0, "in part": 0, "refused": 0}

    def ask_all() -> None:
        with httpx.Client(base_url=server_address, headers=headers, timeout=60, trust_env=False, verify=False) as http:

            @hypothesis.settings(
                max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            @hypothesis.given(made_up(own, server_address, headers))
            def ask(case: Case[Any]) -> None:
                response = http.post("/graphql", json={"query": case.body})
                counted[judged(response)] += 1

            ask()

    await asyncio.to_thread(ask_all)
    assert counted["answered"] > CASES / 20
    assert counted["refused"] > CASES / 20


def judged(response: httpx.Response) -> str:
    """Which kind of answer it is. Fails when it is none."""
    assert response.status_code in (200, 400), response.text
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    answer = response.json()
    assert answer.keys() in ({"data"}, {"errors"}, {"data", "errors"})
    assert answer.get("errors") != []
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert "INTERNAL_SERVER_ERROR" not in codes, response.text
    assert all(error["message"] for error in answer.get("errors", ()))
    if not codes:
        return "answered"
    return "in part" if answer.get("data") else "refused"
