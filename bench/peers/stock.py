"""Strawberry as its documentation teaches: types, dataloaders made anew for each request, rows of SQLModel's classes
read through SQLAlchemy's async sessions, and Strawberry's own ASGI application.

A session of SQLAlchemy serves one task at a time, so each statement opens its own.
"""

import os
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import jwt
import strawberry
from sqlalchemy import ARRAY, Text, Uuid, cast, func
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import aliased, defer
from sqlmodel import col, select, true
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import Info

from app import models
from app.models import Channel

engine = create_async_engine(
    "postgresql+asyncpg:///",
    pool_size=10,
    max_overflow=0,
    connect_args={"server_settings": {"jit": "off", "timezone": "UTC"}},
)
new_session = async_sessionmaker(engine, expire_on_commit=False, class_=AsyncSession)

strawberry.enum(Channel)

WITHOUT_SEARCH = defer(models.Candidate.search)  # type: ignore[arg-type]
"""The column that searches use is large, and nobody reads it."""


class Context:
    """One request: the account of its token, and its loaders."""

    def __init__(self, account: UUID) -> None:
        self.account = account
        self.consents = DataLoader(load_fn=partial(load_consents, account))
        self.policies = DataLoader(load_fn=partial(load_policies, account))
        self.vacancies = DataLoader(load_fn=partial(load_vacancies, account))
        self._paged: dict[tuple[str, int], DataLoader[UUID, Any]] = {}

    def paged(self, load: "LoadPages", first: int) -> DataLoader[UUID, Any]:
        """The loader of a connection, one for each size of page."""
        key = (load.__name__, first)
        if key not in self._paged:
            self._paged[key] = DataLoader(load_fn=partial(load, self.account, first))
        return self._paged[key]


LoadPages = Callable[[UUID, int, list[UUID]], Coroutine[Any, Any, Sequence[Any]]]
Asked = Info[Context, None]


@strawberry.type
class PageInfo:
    has_next_page: bool


@strawberry.type
class PrivacyPolicy:
    id: strawberry.ID
    name: str


@strawberry.type
class Consent:
    granted_at: datetime
    expires_at: datetime | None
    withdrawn_at: datetime | None
    source: str | None
    policy_id: strawberry.Private[UUID]

    @strawberry.field
    async def policy(self, info: Asked) -> PrivacyPolicy:
        return await info.context.policies.load(self.policy_id)


@strawberry.type
class Vacancy:
    id: strawberry.ID
    title: str
    opened_at: datetime


@strawberry.type
class ApplicationEdge:
    applied_at: datetime
    vacancy_id: strawberry.Private[UUID]

    @strawberry.field
    async def vacancy(self, info: Asked) -> Vacancy:
        return await info.context.vacancies.load(self.vacancy_id)


@strawberry.type
class ApplicationConnection:
    page_info: PageInfo
    edges: list[ApplicationEdge]


@strawberry.type
class Candidate:
    id: strawberry.ID
    first_name: str
    last_name: str
    email: str | None
    city: str | None
    country: str | None
    headline: str | None
    skills: list[str]
    created_at: datetime
    key: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: models.Candidate) -> "Candidate":
        return cls(
            id=strawberry.ID(str(row.id)),
            first_name=row.first_name,
            last_name=row.last_name,
            email=row.email,
            city=row.city,
            country=row.country,
            headline=row.headline,
            skills=row.skills,
            created_at=row.created_at,
            key=row.id,
        )

    @strawberry.field
    async def consents(self, info: Asked) -> list[Consent]:
        return await info.context.consents.load(self.key)

    @strawberry.field
    async def applications(self, info: Asked, first: int) -> ApplicationConnection:
        found: ApplicationConnection = await info.context.paged(load_applications, first).load(self.key)
        return found


@strawberry.type
class CandidateEdge:
    node: Candidate


@strawberry.type
class CandidateConnection:
    page_info: PageInfo
    edges: list[CandidateEdge]


@strawberry.type
class SegmentMemberEdge:
    added_at: datetime
    node: Candidate


@strawberry.type
class SegmentMemberConnection:
    page_info: PageInfo
    edges: list[SegmentMemberEdge]


@strawberry.type
class Segment:
    id: strawberry.ID
    name: str
    channel: Channel
    member_count: int
    key: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: models.Segment) -> "Segment":
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            channel=Channel(row.channel),
            member_count=row.member_count,
            key=row.id,
        )

    @strawberry.field
    async def members(self, info: Asked, first: int) -> SegmentMemberConnection:
        found: SegmentMemberConnection = await info.context.paged(load_members, first).load(self.key)
        return found


@strawberry.type
class SegmentConnection:
    nodes: list[Segment]


@strawberry.type
class QuotaUsage:
    limit: int
    used: int
    reserved: int
    remaining: int


@strawberry.input
class TextFilter:
    eq: str | None = None


@strawberry.input
class SkillFilter:
    has_any: list[str] | None = None


@strawberry.input
class CandidateFilter:
    country: TextFilter | None = None
    skills: SkillFilter | None = None


async def load_members(account: UUID, first: int, keys: list[UUID]) -> Sequence[SegmentMemberConnection]:
    parent = func.unnest(cast(keys, ARRAY(Uuid))).table_valued("id", name="parent").render_derived()
    newest = (
        select(models.SegmentMember)
        .where(col(models.SegmentMember.account_id) == account, col(models.SegmentMember.segment_id) == parent.c.id)
        .order_by(col(models.SegmentMember.added_at).desc(), col(models.SegmentMember.candidate_id).desc())
        .limit(first + 1)
        .lateral()
    )
    statement = (
        select(aliased(models.SegmentMember, newest), models.Candidate)
        .select_from(parent)
        .join(newest, true())
        .join(
            models.Candidate,
            (col(models.Candidate.account_id) == account) & (col(models.Candidate.id) == newest.c.candidate_id),
        )
        .options(WITHOUT_SEARCH)
        .order_by(newest.c.segment_id, newest.c.added_at.desc(), newest.c.candidate_id.desc())
    )
    edges: dict[UUID, list[SegmentMemberEdge]] = {key: [] for key in keys}
    async with new_session() as session:
        for row, candidate in await session.execute(statement):
            edges[row.segment_id].append(SegmentMemberEdge(added_at=row.added_at, node=Candidate.of(candidate)))
    return [
        SegmentMemberConnection(page_info=PageInfo(has_next_page=len(found) > first), edges=found[:first])
        for found in edges.values()
    ]


async def load_consents(account: UUID, keys: list[UUID]) -> Sequence[list[Consent]]:
    statement = (
        select(models.Consent)
        .where(models.Consent.account_id == account, col(models.Consent.candidate_id).in_(keys))
        .order_by(col(models.Consent.granted_at).desc(), col(models.Consent.policy_id))
    )
    found: dict[UUID, list[Consent]] = {key: [] for key in keys}
    async with new_session() as session:
        for row in await session.scalars(statement):
            found[row.candidate_id].append(
                Consent(
                    granted_at=row.granted_at,
                    expires_at=row.expires_at,
                    withdrawn_at=row.withdrawn_at,
                    source=row.source,
                    policy_id=row.policy_id,
                )
            )
    return list(found.values())


async def load_policies(account: UUID, keys: list[UUID]) -> Sequence[PrivacyPolicy]:
    statement = select(models.PrivacyPolicy).where(
        models.PrivacyPolicy.account_id == account, col(models.PrivacyPolicy.id).in_(keys)
    )
    async with new_session() as session:
        rows = {row.id: row for row in await session.scalars(statement)}
    return [PrivacyPolicy(id=strawberry.ID(str(key)), name=rows[key].name) for key in keys]


async def load_applications(account: UUID, first: int, keys: list[UUID]) -> Sequence[ApplicationConnection]:
    parent = func.unnest(cast(keys, ARRAY(Uuid))).table_valued("id", name="parent").render_derived()
    newest = (
        select(models.Application)
        .where(col(models.Application.account_id) == account, col(models.Application.candidate_id) == parent.c.id)
        .order_by(col(models.Application.applied_at).desc(), col(models.Application.vacancy_id).desc())
        .limit(first + 1)
        .lateral()
    )
    statement = (
        select(aliased(models.Application, newest))
        .select_from(parent)
        .join(newest, true())
        .order_by(newest.c.candidate_id, newest.c.applied_at.desc(), newest.c.vacancy_id.desc())
    )
    edges: dict[UUID, list[ApplicationEdge]] = {key: [] for key in keys}
    async with new_session() as session:
        for row in await session.scalars(statement):
            edges[row.candidate_id].append(ApplicationEdge(applied_at=row.applied_at, vacancy_id=row.vacancy_id))
    return [
        ApplicationConnection(page_info=PageInfo(has_next_page=len(found) > first), edges=found[:first])
        for found in edges.values()
    ]


async def load_vacancies(account: UUID, keys: list[UUID]) -> Sequence[Vacancy]:
    statement = select(models.Vacancy).where(models.Vacancy.account_id == account, col(models.Vacancy.id).in_(keys))
    async with new_session() as session:
        rows = {row.id: row for row in await session.scalars(statement)}
    return [Vacancy(id=strawberry.ID(str(key)), title=rows[key].title, opened_at=rows[key].opened_at) for key in keys]


@strawberry.type
class Query:
    @strawberry.field
    async def segments(self, info: Asked, first: int) -> SegmentConnection:
        statement = (
            select(models.Segment)
            .where(models.Segment.account_id == info.context.account, col(models.Segment.archived_at).is_(None))
            .order_by(models.Segment.name_key, col(models.Segment.id))
            .limit(first)
        )
        async with new_session() as session:
            return SegmentConnection(nodes=[Segment.of(row) for row in await session.scalars(statement)])

    @strawberry.field
    async def segment(self, info: Asked, id: strawberry.ID) -> Segment | None:
        async with new_session() as session:
            row = await session.get(models.Segment, (info.context.account, UUID(id)))
        return Segment.of(row) if row else None

    @strawberry.field
    async def candidates(self, info: Asked, first: int, filter: CandidateFilter | None = None) -> CandidateConnection:
        statement = (
            select(models.Candidate).where(models.Candidate.account_id == info.context.account).options(WITHOUT_SEARCH)
        )
        if filter and filter.country and filter.country.eq is not None:
            country = func.lower(models.Candidate.country).collate("C")
            statement = statement.where(country == func.lower(filter.country.eq))
        if filter and filter.skills and filter.skills.has_any is not None:
            tags = func.tags_query("skill", cast(filter.skills.has_any, ARRAY(Text)), "|")
            statement = statement.where(col(models.Candidate.search).op("@@")(tags))
        statement = statement.order_by(col(models.Candidate.created_at).desc(), col(models.Candidate.id).desc()).limit(
            first + 1
        )
        async with new_session() as session:
            rows = list(await session.scalars(statement))
        return CandidateConnection(
            page_info=PageInfo(has_next_page=len(rows) > first),
            edges=[CandidateEdge(node=Candidate.of(row)) for row in rows[:first]],
        )

    @strawberry.field
    async def quota_usage(self, info: Asked) -> QuotaUsage:
        today = datetime.now(UTC).date()
        statement = (
            select(models.EndpointUsage, models.Contract)
            .join(models.Contract, col(models.Contract.account_id) == models.EndpointUsage.account_id)
            .where(
                models.EndpointUsage.account_id == info.context.account,
                models.Contract.starts_on <= today,
                models.Contract.ends_on >= today,
            )
            .order_by(col(models.Contract.starts_on).desc(), col(models.Contract.id).desc())
            .limit(1)
        )
        async with new_session() as session:
            usage, contract = (await session.execute(statement)).one()
        used = usage.email_used + usage.sms_used
        remaining = max(0, contract.endpoint_limit - used - usage.reserved)
        return QuotaUsage(limit=contract.endpoint_limit, used=used, reserved=usage.reserved, remaining=remaining)


class Authenticated(GraphQL[Context, None]):
    """Strawberry's application with the account of the token in the context. A token is verified once."""

    _accounts: dict[str, UUID] = {}  # noqa: RUF012

    async def get_context(
        self,
        request: Request | WebSocket,
        response: Response | WebSocket,  # noqa: ARG002
    ) -> Context:
        token = request.headers["authorization"].removeprefix("Bearer ")
        if token not in self._accounts:
            secret = os.environ["JWT_SECRET"]
            claims = jwt.decode(token, secret, algorithms=["HS256"], audience="segments", issuer="segments")
            self._accounts[token] = UUID(claims["account"])
        return Context(self._accounts[token])


app = Authenticated(strawberry.Schema(Query, extensions=[ParserCache, ValidationCache]), graphql_ide=None)
