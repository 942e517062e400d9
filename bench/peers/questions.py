"""The reads that servers are compared by: the documents and their variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson


@dataclass(frozen=True, slots=True)
class Question:
    """One read. Its JSON is asked of every server; who names fields in another way has a document of its own."""

    name: str
    title: str
    operation: str
    document: str
    variables: Mapping[str, Any]

    def body(self, document: str | None = None, serial: int | None = None) -> bytes:
        """With a serial number it is like no other, and asks for the same."""
        asked = {"query": document or self.document, "operationName": self.operation, "variables": self.variables}
        return orjson.dumps(asked if serial is None else {**asked, "extensions": {"serial": f"{serial:06}"}})


SEGMENTS = """\
query Segments($segments: Int!, $members: Int!) {
  segments(first: $segments) {
    nodes {
      id name channel memberCount
      members(first: $members) { edges { addedAt node { id firstName lastName email } } }
    }
  }
}"""

PAGE = """\
query Page($segment: ID!, $members: Int!) {
  segment(id: $segment) {
    name memberCount
    members(first: $members) {
      pageInfo { hasNextPage }
      edges { addedAt node { id firstName lastName email city country headline skills } }
    }
  }
}"""

CONSENTS = """\
query Consents($segment: ID!, $members: Int!) {
  segment(id: $segment) {
    name
    members(first: $members) {
      edges {
        node { id firstName lastName email consents { grantedAt expiresAt withdrawnAt source policy { id name } } }
      }
    }
  }
}"""

QUOTA = """\
query Quota { quotaUsage { limit used reserved remaining } }"""

DEEP = """\
query Deep($segments: Int!, $members: Int!, $applications: Int!) {
  segments(first: $segments) {
    nodes {
      name
      members(first: $members) {
        edges {
          node {
            id firstName lastName
            applications(first: $applications) { edges { appliedAt vacancy { id title openedAt } } }
          }
        }
      }
    }
  }
}"""

SEARCH = """\
query Search($country: String!, $skills: [String!]!, $candidates: Int!) {
  candidates(filter: {country: {eq: $country}, skills: {hasAny: $skills}}, first: $candidates) {
    pageInfo { hasNextPage }
    edges { node { id firstName lastName email city country headline skills createdAt } }
  }
}"""


NAMES = ("segments", "page", "consents", "quota", "many", "deep", "search")


def questions(largest_segment: UUID) -> list[Question]:
    """The reads, of an account with 20 segments of 250 members or more and one of 1,000 or more."""
    segment = str(largest_segment)
    search = {"country": "NL", "skills": ["Python", "Java"], "candidates": 50}
    deep = {"segments": 10, "members": 20, "applications": 5}
    return [
        Question("segments", "20 segments x 5 members", "Segments", SEGMENTS, {"segments": 20, "members": 5}),
        Question("page", "a page of 50 members", "Page", PAGE, {"segment": segment, "members": 50}),
        Question("consents", "1,000 members + consents", "Consents", CONSENTS, {"segment": segment, "members": 1000}),
        Question("quota", "quota (one tiny row)", "Quota", QUOTA, {}),
        Question("many", "20 segments x 250 members", "Segments", SEGMENTS, {"segments": 20, "members": 250}),
        Question("deep", "10 segments x 20 members x applications x vacancy", "Deep", DEEP, deep),
        Question("search", "a search page of 50 candidates", "Search", SEARCH, search),
    ]
