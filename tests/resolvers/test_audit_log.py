"""auditLog: who changed what, whichever mutation it was."""

import ast
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import strawberry
from graphql import ExecutionResult, execute, parse
from strawberry.types import Info

from app.auth import Permission, Principal
from app.context import Context, Session
from app.database import Database, Transaction
from app.domain import audit
from app.domain.errors import NotFoundError
from app.following import Following
from app.graph import schema
from app.resolvers.changing import Result, change
from app.schema.errors import Failure
from app.settings import Settings
from tests.asking import ask_root
from tests.client import Client
from tests.conftest import SECRET
from tests.inventory import Inventory
from tests.mutations import ADD, ARCHIVE, CREATE, DELETE, REMOVE, RENAME
from tests.world import World

LOG = """query Log($filter: AuditFilter) {
  auditLog(filter: $filter, first: 100) {
    nodes { id at subject action requestId targets { name id } counts { name count } }
    totalCount
  }
}"""

MUTATIONS = Path(__file__).parents[2] / "app" / "resolvers" / "mutations"

assert schema.mutation_type is not None
NAMES = sorted(schema.mutation_type.fields)


async def log(client: Client, **filter: Any) -> list[dict[str, Any]]:
    found = (await client.data(LOG, filter=filter))["auditLog"]
    assert found["totalCount"] == len(found["nodes"])
    entries: list[dict[str, Any]] = found["nodes"]
    return entries


async def done(client: Client, mutation: str, **input: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await client.data(mutation, input=input))["done"]
    return payload


async def entries(world: World) -> int:
    [row] = await world.database.fetch("SELECT count(*) FROM audit_entry WHERE account_id = $1", world.account_id)
    return int(row["count"])


async def test_an_entry_says_who_did_what_when_and_to_what(client: Client, world: World) -> None:
    before = datetime.now(UTC)
    candidates = await world.candidates(3)
    response = await client.http.post(
        "/graphql",
        json={"query": CREATE, "variables": {"input": {"name": "Engineers", "channel": "EMAIL"}}},
        headers={"x-request-id": "request-7"},
    )
    segment = response.json()["data"]["done"]["segment"]["id"]
    added = await done(client, ADD, segmentId=segment, candidates={"ids": [str(id) for id in candidates]})
    addition, creation = await log(client)
    assert before <= datetime.fromisoformat(creation["at"]) <= datetime.fromisoformat(addition["at"])
    assert creation == {
        "id": creation["id"],
        "at": creation["at"],
        "subject": "tester",
        "action": "createSegment",
        "requestId": "request-7",
        "targets": [{"name": "segment", "id": segment}],
        "counts": [],
    }
    assert (addition["action"], UUID(addition["requestId"]).version) == ("addCandidatesToSegment", 4)
    assert addition["targets"] == [
        {"name": "segment", "id": segment},
        {"name": "operation", "id": added["operation"]["id"]},
    ]


async def test_input_that_is_written_in_the_document_is_read_too(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await client.data(f'mutation {{ archiveSegment(input: {{ segmentId: "{segment_id}" }}) {{ segment {{ id }} }} }}')
    [entry] = await log(client)
    assert entry["targets"] == [{"name": "segment", "id": str(segment_id)}]


async def test_what_was_deleted_is_named_once(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await done(client, DELETE, segmentId=str(segment_id))
    [entry] = await log(client)
    assert entry["targets"] == [{"name": "segment", "id": str(segment_id)}]


async def test_numbers_of_the_input_are_kept(client: Client) -> None:
    await client.data(
        "mutation($input: SetEndpointLimitInput!) { setEndpointLimit(input: $input) { userErrors { code } } }",
        input={"endpointLimit": 77},
    )
    [entry] = await log(client)
    assert entry["counts"] == [{"name": "endpointLimit", "count": 77}]


async def test_each_mutation_of_one_document_has_an_entry(client: Client) -> None:
    await client.data("""mutation {
      one: createSegment(input: { name: "One", channel: SMS }) { segment { id } }
      two: createSegment(input: { name: "Two", channel: SMS }) { segment { id } }
      one_again: createSegment(input: { name: "One", channel: SMS }) { segment { id } }
    }""")
    first, second = await log(client)
    assert (first["action"], second["action"]) == ("createSegment", "createSegment")
    assert first["requestId"] == second["requestId"]


async def test_what_fails_leaves_no_entry(client: Client, world: World) -> None:
    await world.segment("Engineers")
    for input in ({"name": ""}, {"name": "Engineers"}, {"name": "engineers", "idempotencyKey": "a key"}):
        payload = await done(client, CREATE, channel="EMAIL", **input)
        assert payload["userErrors"]
    assert await log(client) == []


async def test_what_changes_nothing_leaves_no_entry(client: Client, world: World) -> None:
    segment_id = str(await world.segment("Engineers"))
    await done(client, RENAME, segmentId=segment_id, name="Engineers")
    await done(client, ARCHIVE, segmentId=segment_id)
    await done(client, ARCHIVE, segmentId=segment_id)
    assert [entry["action"] for entry in await log(client)] == ["archiveSegment"]


async def test_what_is_done_again_under_its_key_leaves_one_entry(client: Client, world: World) -> None:
    segment_id, candidate = await world.segment(), await world.candidate()
    for mutation in (ADD, REMOVE):
        input = {
            "segmentId": str(segment_id),
            "candidates": {"ids": [str(candidate)]},
            "idempotencyKey": f"a key {mutation}"[:100],
        }
        first, again = await done(client, mutation, **input), await done(client, mutation, **input)
        assert first == again
    assert [entry["action"] for entry in await log(client)] == ["removeCandidatesFromSegment", "addCandidatesToSegment"]


async def test_nothing_of_it_is_about_people(client: Client, world: World) -> None:
    segment_id = str(await world.segment())
    candidate = await world.candidate(email="ada@example.com")
    await done(
        client, ADD, segmentId=segment_id, candidates={"ids": [str(candidate)]}, idempotencyKey="ada@example.com"
    )
    await done(client, RENAME, segmentId=segment_id, name="Ada Lovelace +31612345678")
    [row] = await world.database.fetch(
        "SELECT string_agg(e::text, ' ') AS text FROM audit_entry e WHERE account_id = $1", world.account_id
    )
    for trace in ("example.com", "lovelace", "612345678", str(candidate)):
        assert trace not in row["text"].lower()


async def test_a_request_id_that_could_be_a_phone_number_is_not_kept(client: Client) -> None:
    await client.http.post(
        "/graphql",
        json={"query": CREATE, "variables": {"input": {"name": "Engineers", "channel": "EMAIL"}}},
        headers={"x-request-id": "31612345678"},
    )
    [entry] = await log(client)
    assert "31612345678" not in entry["requestId"]


async def test_entries_are_found_by_action_subject_and_time(
    client: Client, world: World, server_address: str, settings: Settings
) -> None:
    segment_id = str(await world.segment("Engineers"))
    await done(client, RENAME, segmentId=segment_id, name="Developers")
    async with Client.of(server_address, settings, SECRET, world.account_id, subject="somebody else") as other:
        await done(other, ARCHIVE, segmentId=segment_id)
    archived, renamed = await log(client)
    assert await log(client, action="renameSegment") == [renamed]
    assert await log(client, subject="somebody else") == [archived]
    assert await log(client, action="renameSegment", subject="somebody else") == []
    assert await log(client, action="rename") == []
    assert await log(client, **{"from": archived["at"]}) == [archived]
    assert await log(client, to=archived["at"]) == [renamed]
    later = (datetime.fromisoformat(archived["at"]) + timedelta(seconds=1)).isoformat()
    assert await log(client, **{"from": renamed["at"], "to": later}) == [archived, renamed]
    assert await log(client, **{"from": later}) == []


async def test_a_text_that_no_entry_can_hold_is_refused(client: Client) -> None:
    for filter in ({"action": "a\0b"}, {"subject": "a\u2028b"}, {"subject": "x" * 10_000}):
        assert (await client.error(LOG, filter=filter))["code"] == "BAD_USER_INPUT"


async def test_another_account_s_log_is_not_seen(client: Client, other_client: Client) -> None:
    await done(client, CREATE, name="Engineers", channel="EMAIL")
    assert await log(other_client) == []


async def test_few_of_many_targets_are_named(database: Database, settings: Settings, world: World) -> None:
    ids = [uuid4() for _ in range(5)]
    async with database.write(world.account_id) as tx:
        await audit.record(tx, audit.Entry("world", "much", targets={"segment": ids}), most_targets=2)
    [row] = await database.fetch("SELECT targets FROM audit_entry WHERE account_id = $1", world.account_id)
    assert row["targets"] == {"segment": [str(id) for id in ids[:2]]}


async def test_a_page_of_the_log_takes_one_statement(client: Client, statements: list[str]) -> None:
    await done(client, CREATE, name="Engineers", channel="EMAIL")
    statements.clear()
    await client.data("{ auditLog { nodes { action targets { id } counts { count } } } }")
    assert len(statements) == 1


async def test_an_entry_takes_one_statement(client: Client, statements: list[str]) -> None:
    statements.clear()
    await done(client, CREATE, name="Engineers", channel="EMAIL")
    assert sum("audit_entry" in statement for statement in statements) == 1


async def test_an_entry_is_undone_with_its_change(database: Database, world: World) -> None:
    async def fail() -> None:
        async with database.write(world.account_id) as tx:
            await audit.record(tx, audit.Entry("world", "nothing"), 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await entries(world) == 0


async def test_whatever_a_mutation_changes_it_leaves_one_entry(
    database: Database, server_address: str, settings: Settings
) -> None:
    changing = []
    for name in NAMES:
        own = await Inventory.make(database, "own")
        asked = ask_root("Mutation", name, own)
        before, count = await own.digest(), await entries(own.world)
        async with Client.of(server_address, settings, SECRET, own.account_id) as client:
            await client.data(asked.query, **asked.variables)
        after = await own.digest()
        changed = any(before[table] != after[table] for table in before.keys() - {"audit_entry"})
        assert await entries(own.world) - count == (1 if changed else 0), name
        changing += [name] if changed else []
    assert {"createSegment", "addCandidatesToSegment", "setEndpointLimit", "renewContract"} <= set(changing)
    assert len(changing) > len(NAMES) / 2


@strawberry.input
class ShelveInput:
    segment_ids: list[strawberry.ID]
    candidate_ids: list[strawberry.ID]
    things: list[str]


@strawberry.type
class Shelves:
    name: str = "shelves"


@strawberry.type
class Shelving:
    """A mutation of the kind that keeps what is good."""

    @strawberry.mutation
    async def shelve(self, info: Info[Context, None], input: ShelveInput) -> bool:
        async def work(tx: Transaction, _: Context) -> Result:
            await tx.fetch("UPDATE segment SET archived_at = now() WHERE account_id = $1", tx.account_id)
            failures = (Failure(NotFoundError()),)
            return Shelved(user_errors=failures, shelved_count=2, thing_ids=(NEW,))

        await change(info, Permission.EDIT_SEGMENTS, work)
        return True


@dataclass(frozen=True, slots=True)
class Shelved(Result):
    shelved_count: int = 0
    thing_ids: tuple[UUID | None, ...] = ()


NEW = uuid4()


async def test_a_mutation_that_keeps_what_is_good_says_how_many_and_how_many_failed(
    client: Client, world: World, database: Database, settings: Settings
) -> None:
    principal = Principal(world.account_id, "tester", frozenset(Permission), datetime.now(UTC) + timedelta(hours=1))
    context = Session(principal, world.account, database, Following(settings.follow_interval), settings).context()
    segment_id, candidate = await world.segment(), await world.candidate()
    input = {
        "segmentIds": [str(segment_id), "no-id", str(segment_id)],
        "candidateIds": [str(candidate)],
        "things": ["ada@example.com", "a", "b"],
    }
    document = parse("mutation($input: ShelveInput!) { shelve(input: $input) }")
    executing = execute(
        strawberry.Schema(Shelves, Shelving)._schema, document, context_value=context, variable_values={"input": input}
    )
    assert not isinstance(executing, ExecutionResult)
    assert (await executing).data == {"shelve": True}
    [entry] = await log(client)
    assert (entry["action"], entry["requestId"]) == ("shelve", None)
    named = [(target["name"], target["id"]) for target in entry["targets"]]
    assert sorted(named) == [("segment", str(segment_id)), ("thing", str(NEW))]
    assert {each["name"]: each["count"] for each in entry["counts"]} == {
        "candidateIds": 1,
        "things": 3,
        "userErrors": 1,
        "shelvedCount": 2,
    }


@pytest.mark.parametrize("path", sorted(MUTATIONS.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_every_mutation_goes_through_what_writes_the_log(path: Path) -> None:
    """So that it is one transaction, in which its entry is written. Syncs go through it by `sync`."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    called = [ast.unparse(call.func) for call in calls]
    changes = [call for call in calls if ast.unparse(call.func) in ("change", "sync")]
    assert len(changes) == 1
    assert ast.unparse(changes[0].args[0]) == "info"
    assert [name for name in called if name.endswith((".write", ".fetch", ".bulk", ".copy"))] == []


async def test_it_needs_the_permission_to_manage_the_account(
    server_address: str, settings: Settings, world: World
) -> None:
    permissions = [each for each in Permission if each is not Permission.MANAGE_ACCOUNT]
    async with Client.of(server_address, settings, SECRET, world.account_id, permissions) as client:
        assert (await client.error(LOG))["extensions"]["permission"] == "MANAGE_ACCOUNT"
