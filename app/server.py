"""The ASGI application: its routes, and what is built once per process."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from uuid import UUID

import asyncpg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth import Authenticator, IssuerUnavailableError, UnauthenticatedError
from app.connections import DatabaseLostError, OverloadedError
from app.context import Session
from app.database import BusyError, Database
from app.domain import accounts
from app.domain.accounts import Account
from app.domain.errors import BadUserInputError, DomainError, RefusedError
from app.engine.errors import ClientError
from app.engine.graphiql import GraphiQL, wants_page
from app.engine.http import GraphQLApp
from app.engine.observing import ObservedApp, ObservedEngine
from app.engine.origins import sharing
from app.engine.plan import Plans
from app.engine.streams import Streams
from app.engine.websocket import WebSocketApp
from app.examples import EXAMPLES
from app.exporting import Exports
from app.following import Following
from app.graph import schema, strawberry_schema
from app.logs import OperationLog
from app.metrics import Metrics
from app.notices import ChangeNotices
from app.readiness import Readiness
from app.schema.scalars import SHORTCUTS
from app.settings import Settings
from app.shared_throttle import SharedThrottle
from app.statements import Observer, unobserved
from app.tracing import Tracing
from app.worker import working

MOST_KEPT_ACCOUNTS = 10_000

ASKING = {"query", "documentId", "doc_id", "extensions"}
"""What makes a GET ask the API, whoever sends it."""


class Server:
    """One process's connections, keys and routes."""

    def __init__(
        self,
        settings: Settings,
        database_url: str,
        secret: str | None,
        observe: Observer = unobserved,
        tracing: Tracing | None = None,
    ) -> None:
        self.settings = settings
        self.database: Database
        self._database_url = database_url
        self._observe = observe
        self._authenticator = Authenticator(settings, secret)
        self._following = Following(settings.follow_interval)
        self._accounts: OrderedDict[UUID, Account] = OrderedDict()
        self.streams = Streams(settings.max_streams)
        self.readiness = Readiness()
        self._metrics = Metrics(settings) if settings.metrics else None
        self._tracing = tracing
        # Traces first, so that the log can name them.
        observers = [each for each in (self._tracing, self._metrics, OperationLog()) if each is not None]
        plans = Plans(strawberry_schema, SHORTCUTS)
        self._engine = ObservedEngine(schema, settings, explain, observers, throttle=self._throttle(), plans=plans)
        self._graphql = GraphQLApp(self._engine, self._session, self.streams)
        self._graphiql = GraphiQL("/graphql", "Segments", EXAMPLES)
        routes = Starlette(
            routes=[
                Route(
                    "/graphql",
                    _Endpoint(self._graphql, self._graphiql if settings.graphiql else None),
                    middleware=sharing(settings.allowed_origins),
                ),
                Route(
                    "/exports",
                    Exports(settings, lambda: self.database, self._known_account, self._metrics),
                    methods=["GET"],
                    middleware=sharing(settings.allowed_origins),
                ),
                WebSocketRoute("/graphql", WebSocketApp(self._engine, self._session, self.streams)),
                Route("/", _to_graphql),
                Route("/healthz", _alive),
                Route("/readyz", self._ready),
                *([Route("/metrics", self._metrics.page)] if self._metrics else []),
                *self._graphiql.asset_routes(),
            ],
            exception_handlers={
                HTTPException: _refused,
                OverloadedError: _busy_or_lost,
                DatabaseLostError: _busy_or_lost,
            },
            lifespan=self._lifespan,
        )
        direct = routes if settings.allowed_origins else _Direct(self._graphql, routes)
        self.app = ObservedApp(direct, observers, lambda: self.readiness.stopping)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        observe = self._tracing.statement if self._tracing else self._observe
        self.database = await Database.open(self._database_url, self.settings, observe)
        if self._metrics:
            self._metrics.watch(self.database, self._engine.document_use)
        notices = ChangeNotices(self.database, self._database_url)
        notices.on_change.append(self._following.changed)
        try:
            async with notices.telling(), notices.listening(), working(self.database, self.settings) as worker:
                if worker is not None:
                    notices.on_change.append(lambda _: worker.wake())
                # Cancelled when it is told twice to stop; what was opened is closed all the same.
                with suppress(asyncio.CancelledError):
                    yield
        finally:
            await self._authenticator.close()
            await self.database.close()
            if self._tracing:
                await asyncio.to_thread(self._tracing.close)

    def _throttle(self) -> SharedThrottle | None:
        """What all processes count in, when they count together."""
        rate = self.settings.rate_limit_points_per_second
        return SharedThrottle(rate, lambda: self.database) if rate and self.settings.rate_limit_shared else None

    async def _session(self, authorization: str | None) -> Session:
        try:
            principal = await self._authenticator.authenticate(authorization)
        except UnauthenticatedError as error:
            raise _unauthenticated(str(error)) from None
        except IssuerUnavailableError as error:
            raise ClientError(str(error.__doc__), "SERVICE_UNAVAILABLE", 503, {"Retry-After": "5"}) from None
        account = await self._account(principal.account_id)
        return Session(principal, account, self.database, self._following, self.settings)

    async def _account(self, account_id: UUID) -> Account:
        """The account of a verified token."""
        try:
            account = await self._known_account(account_id)
        except (OverloadedError, DatabaseLostError) as error:
            raise _unavailable(error) from None
        if account is None:
            raise _unauthenticated("The token is for an account that does not exist.")
        return account

    async def _known_account(self, account_id: UUID) -> Account | None:
        """An account, if there is one. Accounts do not change, so those seen lately are kept."""
        account = self._accounts.get(account_id)
        if account is None:
            account = await accounts.by_id(self.database, account_id)
            if account is None:
                return None
            self._accounts[account_id] = account
            if len(self._accounts) > MOST_KEPT_ACCOUNTS:
                self._accounts.popitem(last=False)
        return account

    async def _ready(self, _: Request) -> Response:
        """200 when requests can be served, else 503 with the reason."""
        reason = await self.readiness.obstacle(self.database)
        return JSONResponse({"ready": False, "reason": reason}, 503) if reason else JSONResponse({"ready": True})


class _Direct:
    """Takes what most requests are past the routes: a POST to /graphql."""

    def __init__(self, graphql: GraphQLApp, routes: ASGIApp) -> None:
        self._graphql = graphql
        self._routes = routes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/graphql":
            return self._graphql(scope, receive, send)
        return self._routes(scope, receive, send)


class _Endpoint:
    """One address for programs and browsers: a browser's GET gets GraphiQL, everything else is GraphQL."""

    def __init__(self, graphql: GraphQLApp, graphiql: GraphiQL | None) -> None:
        self._graphql = graphql
        self._graphiql = graphiql

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        request = Request(scope, receive)
        if self._graphiql is not None and wants_page(request) and not ASKING & request.query_params.keys():
            await self._graphiql.page(request)(scope, receive, send)
        else:
            await self._graphql(scope, receive, send)


def explain(error: Exception) -> ClientError | None:
    """What a client may know of an exception that a field raised."""
    match error:
        case BadUserInputError():
            return ClientError(str(error), "BAD_USER_INPUT")
        case DomainError():
            return ClientError(error.message, error.code, input=list(error.path))
        case RefusedError():
            return ClientError(
                "; ".join(each.message for each in error.errors[:3]),
                error.errors[0].code,
                input=[list(each.path) for each in error.errors],
            )
        case BusyError():
            return ClientError(str(error), "BUSY")
        case OverloadedError() | DatabaseLostError():
            return _unavailable(error)
        case asyncpg.QueryCanceledError():
            return ClientError("This took too long and was stopped. Ask for less at once.", "TIMEOUT")
    return None


def _unavailable(error: Exception) -> ClientError:
    return ClientError(str(error), "SERVICE_UNAVAILABLE", 503, {"Retry-After": "1"})


def _unauthenticated(reason: str) -> ClientError:
    return ClientError(reason, "UNAUTHENTICATED", 401, {"WWW-Authenticate": "Bearer"})


async def _refused(_: Request, error: Exception) -> Response:
    """Even what is not GraphQL is answered like it."""
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).name
    answer = {"errors": [{"message": f"{error.detail}.", "extensions": {"code": code}}]}
    return JSONResponse(answer, error.status_code, error.headers)


async def _busy_or_lost(_: Request, error: Exception) -> Response:
    answer = {"errors": [{"message": str(error), "extensions": {"code": "SERVICE_UNAVAILABLE"}}]}
    return JSONResponse(answer, 503, {"Retry-After": "1"})


async def _to_graphql(_: Request) -> Response:
    return RedirectResponse("/graphql")


async def _alive(_: Request) -> Response:
    return JSONResponse({"alive": True})
