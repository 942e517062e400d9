"""The story that every client goes through, and what each must have seen of it."""

from typing import Any

import httpx

from tests.inventory import Inventory

DOCUMENTS = {
    "find": """query Find($name: String!) {
  segments(filter: { nameContains: $name }) { totalCount nodes { id name channel memberCount } }
}""",
    "create": """mutation Create($input: CreateSegmentInput!) {
  createSegment(input: $input) { segment { id name channel } userErrors { __typename code message path } }
}""",
    "askTooMuch": """query AskTooMuch($id: ID!) {
  viewer { account { id } }
  segment(id: $id) { id members(first: 1000000) { totalCount } }
}""",
    "misspell": "query Misspell { segmets { totalCount } }",
    "watch": "subscription Watch { quotaUsage { used } }",
    "add": """mutation Add($input: AddCandidatesToSegmentInput!) {
  addCandidatesToSegment(input: $input) { userErrors { code } }
}""",
    "remove": """mutation Remove($input: RemoveCandidatesFromSegmentInput!) {
  removeCandidatesFromSegment(input: $input) { userErrors { code } }
}""",
    "lookInVain": "subscription LookInVain($id: ID!) { operation(id: $id) { id } }",
}

STRANGER = "Bearer of.no.token"

Seen = dict[str, dict[str, Any]]
"""By chapter what the client made of the answer: `data`, and `errors` with the code and the path of each."""


def told_to(client: str, address: str, token: httpx.Headers, own: Inventory) -> dict[str, Any]:
    """What a script is given. `client` is the name of a segment that only it makes."""
    return {
        "url": f"{address}/graphql",
        "authorization": token["authorization"],
        "stranger": STRANGER,
        "candidate": str(own.ids["Candidate"][1]),
        "documents": DOCUMENTS,
        "variables": {
            "find": {"name": f"{own.label} by"},
            "create": {"input": {"name": client, "channel": "SMS"}},
            "askTooMuch": {"id": str(own.one("Segment"))},
            "lookInVain": {"id": str(own.one("Segment"))},
        },
    }


class Story:
    """The chapters. A class of tests for a client inherits them and has the fixture `seen`."""

    def test_it_finds_by_variables(self, seen: Seen, changing: Inventory) -> None:
        found = seen["found"]
        assert found["errors"] == []
        nodes = found["data"]["segments"]["nodes"]
        by_mail, by_message = (str(id) for id in changing.ids["Segment"][:2])
        assert {(node["id"], node["channel"]) for node in nodes} == {(by_mail, "EMAIL"), (by_message, "SMS")}

    def test_its_mutation_is_done(self, seen: Seen) -> None:
        created = seen["created"]
        assert created["errors"] == []
        assert created["data"]["createSegment"]["userErrors"] == []
        assert created["data"]["createSegment"]["segment"]["channel"] == "SMS"

    def test_it_sees_user_errors_as_data(self, seen: Seen) -> None:
        refused = seen["refused"]
        assert refused["errors"] == []
        assert refused["data"]["createSegment"]["segment"] is None
        [error] = refused["data"]["createSegment"]["userErrors"]
        assert (error["code"], error["path"]) == ("NAME_TAKEN", ["input", "name"])

    def test_it_sees_the_code_of_a_field_beside_the_data_of_others(self, seen: Seen, changing: Inventory) -> None:
        partial = seen["partial"]
        assert partial["errors"] == [{"code": "BAD_USER_INPUT", "path": ["segment", "members"]}]
        assert partial["data"]["segment"] is None
        assert partial["data"]["viewer"]["account"]["id"] == str(changing.account_id)

    def test_it_sees_the_code_of_a_document_that_is_refused(self, seen: Seen) -> None:
        assert [error["code"] for error in seen["misspelt"]["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]

    def test_it_sees_that_its_token_is_bad(self, seen: Seen) -> None:
        assert [error["code"] for error in seen["strange"]["errors"]] == ["UNAUTHENTICATED"]

    def test_it_follows_what_others_change(self, seen: Seen) -> None:
        [before, *later] = seen["watched"]["used"]
        assert later == [before + 1, before]

    def test_it_sees_why_there_is_nothing_to_follow(self, seen: Seen) -> None:
        assert [error["code"] for error in seen["lost"]["errors"]] == ["NOT_FOUND"]
