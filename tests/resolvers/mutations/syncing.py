"""The mutations of a sync as the tests send them."""

from typing import Any

from tests.client import Client

CANDIDATE = """
  externalId firstName lastName email mobile verifiedMobile city country headline skills createdAt updatedAt
"""


def _mutation(name: str, fields: str) -> str:
    kind = f"{name[0].upper()}{name[1:]}Input"
    fields = f"{fields} userErrors {{ code path message }}"
    return f"mutation($input: {kind}!) {{ done: {name}(input: $input) {{ {fields} }} }}"


UPSERT = _mutation("upsertCandidates", f"createdCount updatedCount candidates {{ {CANDIDATE} }}")
UPSERT_COUNTED = _mutation("upsertCandidates", "createdCount updatedCount")
VACANCIES = _mutation("upsertVacancies", "createdCount updatedCount vacancies { externalId title openedAt closedAt }")
APPLICATIONS = _mutation("recordApplications", "recordedCount updatedCount")
LISTS = _mutation("upsertCandidateLists", "createdCount updatedCount candidateLists { externalId name }")
MEMBERS = _mutation(
    "setCandidateListMembers",
    "addedCount removedCount candidateList { name candidates(first: 100) { totalCount nodes { externalId } } }",
)


def person(external_id: str, **more: Any) -> dict[str, Any]:
    """A candidate with what must be said."""
    return {"externalId": external_id, "firstName": "Ada", "lastName": f"Lovelace {external_id}", **more}


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    return [person(f"C{index}", **more) for index in range(count)]


async def send(client: Client, mutation: str, **input: Any) -> dict[str, Any]:
    """The payload, whatever errors it has."""
    done: dict[str, Any] = (await client.data(mutation, input=input))["done"]
    return done


async def sync(client: Client, mutation: str, **input: Any) -> dict[str, Any]:
    """The payload of a sync without errors."""
    done = await send(client, mutation, **input)
    assert done["userErrors"] == []
    return done


def errors(done: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Code and place of each error, the place without what all places begin with."""
    return [(error["code"], error["path"][2:]) for error in done["userErrors"]]
