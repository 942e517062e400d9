"""Every connection of the graph: how to ask for its pages and how to give it rows. A new one needs a case here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, get_named_type, is_required_argument
from uuid_utils.compat import uuid7

from app.models import Channel
from tests.asking import field_of, fields
from tests.client import Client
from tests.world import GENERAL, World

Made = tuple[UUID | None, list[str]]
"""The parent, if it has one, and the ids of the rows."""


@dataclass(frozen=True)
class Case:
    """How to make a connection with so many rows, one row more, and one row less."""

    make: Callable[[World, int], Awaitable[Made]]
    insert: Callable[[World, UUID | None], Awaitable[None]] | None
    """None where nothing is ever added."""
    delete: str | None
    """A statement; $2 is the row's id, $3 the parent's when it has one. None where nothing is ever deleted."""


async def _segments(world: World, count: int) -> Made:
    return None, [str(await world.segment()) for _ in range(count)]


async def _candidates(world: World, count: int) -> Made:
    """Some are alike but for their ids."""
    moment = datetime.now(UTC) - timedelta(days=1)
    alike = await world.candidates(count // 2, last_name="Alike", created_at=moment, city="Ghent")
    others = await world.candidates(count - count // 2, city="Ghent")
    return None, [str(id) for id in alike + others]


async def _vacancies(world: World, count: int) -> Made:
    moment = datetime.now(UTC) - timedelta(days=1)
    return None, [str(await world.vacancy(opened_at=moment + timedelta(days=index // 2))) for index in range(count)]


async def _lists(world: World, count: int) -> Made:
    return None, [str(await world.candidate_list(f"List {index // 2}")) for index in range(count)]


async def _members(world: World, count: int) -> Made:
    segment = await world.segment()
    _, ids = await _candidates(world, count)
    for together in (ids[: count // 2], ids[count // 2 :]):
        await world.add(segment, [UUID(id) for id in together])
    return segment, ids


async def _more_members(world: World, segment: UUID | None) -> None:
    assert segment is not None
    await world.add(segment, [await world.candidate(city="Ghent")])


async def _operations(world: World, count: int) -> Made:
    segment, candidate = await world.segment(), await world.candidate()
    return segment, [str(await world.add(segment, [candidate])) for _ in range(count)]


async def _more_operations(world: World, segment: UUID | None) -> None:
    assert segment is not None
    await world.add(segment, [await world.candidate()])


async def _segments_of_candidate(world: World, count: int) -> Made:
    candidate = await world.candidate()
    segments = [await world.segment() for _ in range(count)]
    for segment in segments:
        await world.add(segment, [candidate])
    return candidate, [str(segment) for segment in segments]


async def _another_segment(world: World, candidate: UUID | None) -> None:
    assert candidate is not None
    await world.add(await world.segment(), [candidate])


async def _applications(world: World, count: int) -> Made:
    """Two at a time at the same moment."""
    candidate, moment = await world.candidate(), datetime.now(UTC)
    vacancies = [await world.vacancy() for _ in range(count)]
    for index, vacancy in enumerate(vacancies):
        await _apply(world, candidate, vacancy, moment + timedelta(days=index // 2))
    return candidate, [str(vacancy) for vacancy in vacancies]


async def _applicants(world: World, count: int) -> Made:
    vacancy, moment = await world.vacancy(), datetime.now(UTC)
    candidates = await world.candidates(count)
    for index, candidate in enumerate(candidates):
        await _apply(world, candidate, vacancy, moment + timedelta(days=index // 2))
    return vacancy, [str(candidate) for candidate in candidates]


async def _apply(world: World, candidate: UUID, vacancy: UUID, moment: datetime) -> None:
    await world.insert("application", candidate_id=candidate, vacancy_id=vacancy, applied_at=moment)


async def _another_application(world: World, candidate: UUID | None) -> None:
    assert candidate is not None
    await _apply(world, candidate, await world.vacancy(), datetime.now(UTC))


async def _another_applicant(world: World, vacancy: UUID | None) -> None:
    assert vacancy is not None
    await _apply(world, await world.candidate(), vacancy, datetime.now(UTC))


async def _listed(world: World, count: int) -> Made:
    candidates = await world.candidates(count)
    return await world.candidate_list("A list", candidates), [str(candidate) for candidate in candidates]


async def _skipped(world: World, count: int) -> Made:
    segment = await world.segment(channel=Channel.SMS)
    candidates = await world.candidates(count, {GENERAL: {}})
    return await world.add(segment, candidates), [str(candidate) for candidate in candidates]


async def _campaigns(world: World, count: int) -> Made:
    return None, [str(await world.campaign()) for _ in range(count)]


async def _campaigns_of_segment(world: World, count: int) -> Made:
    segment = await world.segment()
    return segment, [str(await world.campaign(segment, excluded=index % 2 == 0)) for index in range(count)]


async def _another_campaign(world: World, segment: UUID | None) -> None:
    assert segment is not None
    await world.campaign(segment)


async def _audience(world: World, count: int) -> Made:
    """Some are in both segments."""
    first, second = await world.segment(), await world.segment()
    candidates = await world.candidates(count)
    await world.add(first, candidates[: count // 2 + 1])
    await world.add(second, candidates[count // 2 :])
    return await world.campaign(first, second), [str(candidate) for candidate in candidates]


async def _another_reached(world: World, campaign: UUID | None) -> None:
    segment = await world.segment()
    await world.add(segment, [await world.candidate()])
    await world.insert("campaign_segment", campaign_id=campaign, segment_id=segment)


async def _entries(world: World, count: int) -> Made:
    """Two at a time at the same moment."""
    ids = [str(uuid7()) for _ in range(count)]
    for index, id in enumerate(ids):
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=index // 2)
        await world.insert("audit_entry", id=UUID(id), at=moment, subject="world", action="nothing")
    return None, ids


async def _suppressions(world: World, count: int) -> Made:
    """Half of them of each channel."""
    mails = [f"someone{index}@example.com" for index in range(count // 2)]
    numbers = [f"+316{index:08}" for index in range(count - count // 2)]
    for channel, addresses in (("EMAIL", mails), ("SMS", numbers)):
        for address in addresses:
            await _suppress(world, channel, address)
    return None, [*mails, *numbers]


async def _suppress(world: World, channel: str, address: str) -> None:
    await world.insert("suppression", channel=channel, address=address, reason="asked", created_by="world")


async def _one(made: Awaitable[Any]) -> None:
    await made


CASES = {
    "Query.segments": Case(
        _segments, lambda world, _: _one(world.segment()), "DELETE FROM segment WHERE account_id = $1 AND id = $2"
    ),
    "Query.candidates": Case(
        _candidates,
        lambda world, _: _one(world.candidate(city="Ghent")),
        "DELETE FROM candidate WHERE account_id = $1 AND id = $2",
    ),
    "Query.vacancies": Case(
        _vacancies, lambda world, _: _one(world.vacancy()), "DELETE FROM vacancy WHERE account_id = $1 AND id = $2"
    ),
    "Query.candidateLists": Case(
        _lists,
        lambda world, _: _one(world.candidate_list("List 1")),
        "DELETE FROM candidate_list WHERE account_id = $1 AND id = $2",
    ),
    "Query.campaigns": Case(
        _campaigns, lambda world, _: _one(world.campaign()), "DELETE FROM campaign WHERE account_id = $1 AND id = $2"
    ),
    "Segment.campaigns": Case(
        _campaigns_of_segment,
        _another_campaign,
        "DELETE FROM campaign_segment WHERE account_id = $1 AND campaign_id = $2 AND segment_id = $3",
    ),
    "Campaign.audience": Case(
        _audience,
        _another_reached,
        "DELETE FROM segment_member WHERE account_id = $1 AND candidate_id = $2 AND segment_id IN"
        " (SELECT segment_id FROM campaign_segment WHERE account_id = $1 AND campaign_id = $3)",
    ),
    "Query.auditLog": Case(_entries, lambda world, _: _one(_entries(world, 1)), None),
    "Query.suppressions": Case(
        _suppressions,
        lambda world, _: _suppress(world, "EMAIL", "another@example.com"),
        "DELETE FROM suppression WHERE account_id = $1 AND address = $2",
    ),
    "Segment.members": Case(
        _members,
        _more_members,
        "DELETE FROM segment_member WHERE account_id = $1 AND candidate_id = $2 AND segment_id = $3",
    ),
    "Segment.operations": Case(
        _operations,
        _more_operations,
        "DELETE FROM membership_operation WHERE account_id = $1 AND id = $2 AND segment_id = $3",
    ),
    "Candidate.segments": Case(
        _segments_of_candidate,
        _another_segment,
        "DELETE FROM segment_member WHERE account_id = $1 AND segment_id = $2 AND candidate_id = $3",
    ),
    "Candidate.applications": Case(
        _applications,
        _another_application,
        "DELETE FROM application WHERE account_id = $1 AND vacancy_id = $2 AND candidate_id = $3",
    ),
    "Vacancy.applications": Case(
        _applicants,
        _another_applicant,
        "DELETE FROM application WHERE account_id = $1 AND candidate_id = $2 AND vacancy_id = $3",
    ),
    "CandidateList.candidates": Case(
        _listed,
        None,
        "DELETE FROM candidate_list_member WHERE account_id = $1 AND candidate_id = $2 AND list_id = $3",
    ),
    "MembershipOperation.skipped": Case(
        _skipped, None, "DELETE FROM candidate WHERE account_id = $1 AND id = $2 AND $3::uuid IS NOT NULL"
    ),
}


@dataclass(frozen=True)
class Connection:
    """A connection in one of its orders, searched or not."""

    type: str
    name: str
    order: str = ""
    filter: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.where, self.order, self.filter) if part)

    @property
    def where(self) -> str:
        return f"{self.type}.{self.name}"

    @property
    def both_ways(self) -> bool:
        return "last" in field_of(self.type, self.name).args

    @property
    def edge(self) -> GraphQLObjectType:
        kind = get_named_type(field_of(self.type, self.name).type)
        assert isinstance(kind, GraphQLObjectType)
        edge = get_named_type(kind.fields["edges"].type)
        assert isinstance(edge, GraphQLObjectType)
        return edge

    @property
    def row(self) -> str:
        """The field of the edge that tells rows apart: the applications of a candidate are for different vacancies."""
        return "vacancy" if self.where == "Candidate.applications" else "node"

    @property
    def id(self) -> str:
        """What tells rows apart: suppressed addresses have no id."""
        return "id: address" if self.where == "Query.suppressions" else "id"

    def query(self, parent: UUID | None, selected: str, **arguments: Any) -> str:
        given = [f"{name}: {value}" for name, value in (("orderBy", self.order), ("filter", self.filter)) if value]
        for name, value in arguments.items():
            if value is not None:
                given.append(f"{name}: {value}" if isinstance(value, int) else f'{name}: "{value}"')
        arguments_given = f"({', '.join(given)})" if given else ""
        asked = f"connection: {self.name}{arguments_given} {{ {selected} }}"
        if parent is None:
            return f"{{ {asked} }}"
        return f'{{ node(id: "{parent}") {{ ... on {self.type} {{ {asked} }} }} }}'

    async def page(self, client: Client, parent: UUID | None, **arguments: Any) -> "Page":
        pages = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        selected = f"edges {{ cursor row: {self.row} {{ {self.id} }} }} {pages}"
        data = await client.data(self.query(parent, selected, **arguments))
        found = (data["node"] if parent else data)["connection"]
        return Page(
            [edge["row"]["id"] for edge in found["edges"]],
            [each["cursor"] for each in found["edges"]],
            **found["pageInfo"],
        )

    async def refusal(self, client: Client, parent: UUID | None, **arguments: Any) -> str:
        """The code of the one error that the answer must have."""
        code: str = (await client.error(self.query(parent, "pageInfo { endCursor }", **arguments)))["code"]
        return code


@dataclass(frozen=True)
class Page:
    rows: list[str]
    cursors: list[str]
    hasNextPage: bool  # noqa: N815
    hasPreviousPage: bool  # noqa: N815
    startCursor: str | None  # noqa: N815
    endCursor: str | None  # noqa: N815


def connections() -> list[Connection]:
    """Every connection of the graph in each of its orders, and searched where it can be. Those that must be told more
    have tests of their own."""
    found = []
    for type_name, name, each in fields():
        if "first" not in each.args or any(map(is_required_argument, each.args.values())):
            continue
        found.append(Connection(type_name, name))
        found += [Connection(type_name, name, order) for order in _orders(each.args)]
        if "filter" in each.args and str(each.args["filter"].type) == "CandidateFilter":
            found.append(Connection(type_name, name, filter='{ city: { eq: "ghent" } }'))
            found.append(Connection(type_name, name, "{ field: LAST_NAME }", "{ hasVerifiedMobile: true }"))
    return found


def _orders(arguments: dict[str, Any]) -> list[str]:
    if "orderBy" not in arguments:
        return []
    order = get_named_type(arguments["orderBy"].type)
    assert isinstance(order, GraphQLInputObjectType)
    sorted_by, direction = (get_named_type(order.fields[name].type) for name in ("field", "direction"))
    assert isinstance(sorted_by, GraphQLEnumType)
    assert isinstance(direction, GraphQLEnumType)
    return [f"{{ field: {by}, direction: {way} }}" for by in sorted_by.values for way in direction.values]
