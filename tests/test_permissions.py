"""What each root field needs: nobody without a token, nothing without the permission."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.auth import Permission
from app.database import Database
from app.settings import Settings
from tests.asking import EXAMPLES, ROOTS, Asked, ask_root, fields
from tests.client import Client
from tests.conftest import SECRET
from tests.inventory import Inventory

NEEDED: dict[str, Permission | None] = {
    "Query.node": Permission.READ,
    "Query.nodes": Permission.READ,
    "Query.viewer": None,
    "Query.segment": Permission.READ,
    "Query.segments": Permission.READ,
    "Query.candidate": Permission.READ,
    "Query.candidates": Permission.READ,
    "Query.vacancies": Permission.READ,
    "Query.candidateLists": Permission.READ,
    "Query.campaigns": Permission.READ,
    "Query.privacyPolicies": Permission.READ,
    "Query.suppressions": Permission.READ,
    "Query.requiredPoliciesPreview": Permission.READ,
    "Query.quotaUsage": Permission.READ,
    "Query.contracts": Permission.READ,
    "Query.auditLog": Permission.MANAGE_ACCOUNT,
    "Query.addCandidatesPreview": Permission.READ,
    "Query.operation": Permission.READ,
    "Subscription.operation": Permission.READ,
    "Subscription.quotaUsage": Permission.READ,
    "Mutation.createSegment": Permission.EDIT_SEGMENTS,
    "Mutation.renameSegment": Permission.EDIT_SEGMENTS,
    "Mutation.archiveSegment": Permission.EDIT_SEGMENTS,
    "Mutation.restoreSegment": Permission.EDIT_SEGMENTS,
    "Mutation.deleteSegment": Permission.EDIT_SEGMENTS,
    "Mutation.addCandidatesToSegment": Permission.EDIT_SEGMENTS,
    "Mutation.removeCandidatesFromSegment": Permission.EDIT_SEGMENTS,
    "Mutation.createCampaign": Permission.EDIT_SEGMENTS,
    "Mutation.setCampaignSegments": Permission.EDIT_SEGMENTS,
    "Mutation.deleteCampaign": Permission.EDIT_SEGMENTS,
    "Mutation.upsertCandidates": Permission.SYNC_CANDIDATES,
    "Mutation.upsertVacancies": Permission.SYNC_CANDIDATES,
    "Mutation.recordApplications": Permission.SYNC_CANDIDATES,
    "Mutation.upsertCandidateLists": Permission.SYNC_CANDIDATES,
    "Mutation.setCandidateListMembers": Permission.SYNC_CANDIDATES,
    "Mutation.setEndpointLimit": Permission.MANAGE_ACCOUNT,
    "Mutation.renewContract": Permission.MANAGE_ACCOUNT,
    "Mutation.cancelOperation": Permission.EDIT_SEGMENTS,
    "Mutation.undoOperation": Permission.EDIT_SEGMENTS,
    "Mutation.recordConsents": Permission.SYNC_CANDIDATES,
    "Mutation.withdrawConsents": Permission.SYNC_CANDIDATES,
    "Mutation.eraseCandidates": Permission.SYNC_CANDIDATES,
    "Mutation.addSuppressions": Permission.MANAGE_ACCOUNT,
    "Mutation.liftSuppressions": Permission.MANAGE_ACCOUNT,
    "Mutation.createPrivacyPolicy": Permission.MANAGE_ACCOUNT,
    "Mutation.renamePrivacyPolicy": Permission.MANAGE_ACCOUNT,
    "Mutation.setRequiredPolicies": Permission.MANAGE_ACCOUNT,
}

root = pytest.mark.parametrize("root", NEEDED)
guarded = pytest.mark.parametrize("root", [root for root, permission in NEEDED.items() if permission])

ClientWith = Callable[[Inventory, Iterable[Permission]], Client]


@pytest.fixture
async def client_with(server_address: str, settings: Settings) -> AsyncIterator[ClientWith]:
    """Makes clients of an account with nothing but the given permissions."""
    async with AsyncExitStack() as stack:

        def client_with(inventory: Inventory, permissions: Iterable[Permission]) -> Client:
            client = Client.of(server_address, settings, SECRET, inventory.account_id, permissions)
            stack.push_async_exit(client)
            return client

        yield client_with


def asked_of(root: str, own: Inventory) -> Asked:
    type_name, _, name = root.partition(".")
    return ask_root(type_name, name, own)


def test_every_root_field_is_listed_with_what_it_needs() -> None:
    assert {f"{kind}.{name}" for kind, name, _ in fields() if kind in ROOTS} == NEEDED.keys()


@root
async def test_nobody_is_let_in_without_a_token(root: str, ours: Inventory, our_client: Client) -> None:
    asked = asked_of(root, ours)
    before = await ours.digest()
    response = await our_client.http.post(
        "/graphql", json={"query": asked.query, "variables": asked.variables}, headers={"authorization": ""}
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert [error["extensions"] for error in response.json()["errors"]] == [{"code": "UNAUTHENTICATED"}]
    assert "data" not in response.json()
    assert await ours.digest() == before


@guarded
async def test_all_other_permissions_are_not_enough(root: str, ours: Inventory, client_with: ClientWith) -> None:
    needed = NEEDED[root]
    assert needed is not None
    asked = asked_of(root, ours)
    before = await ours.digest()
    error = await client_with(ours, set(Permission) - {needed}).error(asked.query, **asked.variables)
    assert error["extensions"] == {"code": "FORBIDDEN", "permission": needed.value}
    assert needed.value in error["message"]
    assert await ours.digest() == before


@guarded
async def test_what_is_wrong_with_the_arguments_is_not_told_without_the_permission(
    root: str, ours: Inventory, client_with: ClientWith
) -> None:
    asked = asked_of(root, ours)
    error = await client_with(ours, ()).error(asked.query, **spoilt(asked.variables))
    assert error["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "query",
    [
        "{ segments(first: 0) { totalCount } }",
        '{ segments(filter: { nameContains: "\\u0000" }) { totalCount } }',
        "{ candidates(first: 0) { totalCount } }",
        '{ candidates(filter: { text: "\\u0000" }) { totalCount } }',
        '{ vacancies(filter: { titleContains: "\\u0000" }) { totalCount } }',
        '{ candidateLists(filter: { nameContains: "\\u0000" }) { totalCount } }',
        "{ auditLog(first: 0) { totalCount } }",
        '{ auditLog(filter: { subject: "\\u0000" }) { totalCount } }',
    ],
)
async def test_what_is_wrong_with_a_search_is_not_told_without_the_permission(
    query: str, ours: Inventory, client_with: ClientWith
) -> None:
    assert (await client_with(ours, ()).error(query))["code"] == "FORBIDDEN"


@root
async def test_the_permission_alone_is_enough(root: str, database: Database, client_with: ClientWith) -> None:
    needed = NEEDED[root]
    own = await Inventory.make(database, "own")
    asked = asked_of(root, own)
    answer = await client_with(own, [needed] if needed else []).answer(asked.query, **asked.variables)
    assert "errors" not in answer


DEAR = "{ segments(first: 100) { nodes { members(first: 900) { nodes { id } } } } }"
"""It may return 100 times 902 objects, and the connection."""


async def test_only_who_may_report_may_ask_for_much_at_once(
    ours: Inventory, settings: Settings, client_with: ClientWith
) -> None:
    error = await client_with(ours, [Permission.READ]).error(DEAR)
    assert error["extensions"] == {"code": "COST_LIMIT_EXCEEDED", "cost": 90_201, "limit": settings.max_cost}
    assert (await client_with(ours, [Permission.READ, Permission.REPORT]).data(DEAR))["segments"]["nodes"]


async def test_reports_have_a_limit_too(ours: Inventory, settings: Settings, client_with: ClientWith) -> None:
    error = await client_with(ours, Permission).error(
        DEAR.replace("{ id }", "{ segments(first: 50) { nodes { id } } }")
    )
    assert error["code"] == "COST_LIMIT_EXCEEDED"
    assert error["extensions"]["limit"] == settings.max_reporting_cost


MOMENTS = (EXAMPLES["Date"], EXAMPLES["DateTime"])


def spoilt(value: Any) -> Any:
    """The same with texts that nothing can be done with. What is no free text in the graph is left alone."""
    if isinstance(value, dict):
        return {name: inner if name == "channel" else spoilt(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoilt(inner) for inner in value]
    return "\0" if isinstance(value, str) and value not in MOMENTS else value
