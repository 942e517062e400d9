"""One address for programs and browsers: what a GET of it means."""

from hashlib import sha256

import pytest

from tests.client import Client

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
TEXT = "{ __typename }"


async def test_a_browser_gets_the_page(client: Client) -> None:
    response = await client.http.get("/graphql", headers=BROWSER)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "parameters",
    [
        {"query": TEXT},
        {"documentId": f"sha256:{sha256(TEXT.encode()).hexdigest()}"},
        {"doc_id": f"sha256:{sha256(TEXT.encode()).hexdigest()}"},
        {"extensions": f'{{"persistedQuery":{{"version":1,"sha256Hash":"{sha256(TEXT.encode()).hexdigest()}"}}}}'},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
async def test_a_browser_that_names_a_document_asks_the_api(parameters: dict[str, str], client: Client) -> None:
    assert await client.data(TEXT) == {"__typename": "Query"}
    response = await client.http.get("/graphql", params=parameters, headers=BROWSER)
    assert response.json() == {"data": {"__typename": "Query"}}
