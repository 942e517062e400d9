"""The audits that graphql-http has of servers of GraphQL over HTTP, on the whole server. All of them must be met."""

from typing import Any

import pytest

from tests.client import Client
from tests.clients.node import needs_node, run_script

AUDITS = """
22EB 4655 47DE 80D8 82A3 BF61 78D5 2C94 5A70 9C48 9ABE 03D4 A5BF 423L LKJ0 LKJ1 LKJ2 LKJ3 34A2 13EE 6C00 6C01 6C02 6C03
8161 B8B3 94B0 94B1 94B2 0220 0221 0222 4760 4761 4762 4763 2EA1 28B9 D6D5 6A70 58B0 58B1 58B2 58B3 428F 1B7A B6DC BCF8
B7N8 8764 3E3A 572B FDE2 7B9B 865D 556A D586 51FE 74FF 5E5B 86EE
""".split()  # noqa: SIM905

pytestmark = needs_node


@pytest.fixture(scope="session")
async def results(server_address: str, our_client: Client) -> dict[str, dict[str, Any]]:
    """What came of each audit, by its id."""
    authorization = our_client.http.headers["authorization"]
    found = await run_script("audits.mjs", url=f"{server_address}/graphql", authorization=authorization)
    return {each["id"]: each for each in found}


def test_every_audit_there_is_is_one_of_these(results: dict[str, dict[str, Any]]) -> None:
    assert results.keys() == set(AUDITS)


@pytest.mark.parametrize("id", AUDITS)
def test_the_server_meets_the_audit(id: str, results: dict[str, dict[str, Any]]) -> None:
    result = results[id]
    assert result["status"] == "ok", f"{result['name']}: {result['reason']}"
