"""What docs/syncing.md tells an applicant tracking system to send is answered as it says."""

import re
from pathlib import Path
from typing import Any

import orjson

from tests.client import Client

PAGE = (Path(__file__).parent.parent / "docs" / "syncing.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


async def test_every_example_is_answered_as_the_page_says_and_may_be_sent_again(client: Client) -> None:
    asked = [(query, orjson.loads(given)) for query, given in zip(blocks("graphql"), blocks("json"), strict=True)]
    answers = [orjson.loads(answer) for answer in blocks("json answer")]
    assert len(asked) == 5
    assert [await client.data(query, **variables) for query, variables in asked] == answers
    again = [await client.data(query, **variables) for query, variables in asked]
    assert [counts(answer) for answer in again] == [[0, 0]] * 5
    assert [errors(answer) for answer in again] == [errors(answer) for answer in answers]


def counts(answer: dict[str, Any]) -> list[int]:
    [payload] = answer.values()
    return [value for name, value in payload.items() if name.endswith("Count")]


def errors(answer: dict[str, Any]) -> Any:
    [payload] = answer.values()
    return payload["userErrors"]
