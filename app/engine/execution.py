"""One operation, from what a client asked to what it is answered, whatever carries it there."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import ref

from aiodataloader import DataLoader
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    create_source_event_stream,
    execute,
    execute_subscription_event,
    located_error,
)

from app.engine.deadline import Deadline
from app.engine.documents import Document, Documents, Operation
from app.engine.errors import ClientError, Explain, Masking
from app.engine.limits import Limits, exceeded
from app.engine.persisted import PersistedDocuments
from app.engine.plan import Fallback, Given, Plans
from app.engine.requests import GraphQLRequest
from app.engine.throttle import Bucket, RateLimit, Throttle
from app.settings import Settings

Answer = dict[str, Any]
"""The JSON object that a client gets."""


Gone = Callable[[], Coroutine[Any, Any, None]]
"""Returns once the client has gone."""


class Context(Protocol):
    """What the resolvers of one operation share. It lives as long as the operation does."""

    loaders: dict[Any, DataLoader[Any, Any]]
    tasks: "set[asyncio.Task[Any]]"
    """What the operation has set going, to be ended with it."""


class Session(Protocol):
    """Somebody who is known, for the length of a request or a socket."""

    @property
    def key(self) -> str:
        """Tells whose limits count."""
        ...

    @property
    def expires_at(self) -> float:
        """When they are known no longer, in seconds since 1970."""
        ...

    @property
    def known_until(self) -> float:
        """Until when they need not be asked again who they are, in seconds since 1970."""
        ...

    @property
    def max_cost(self) -> int:
        """What one operation of theirs may cost, by `app.engine.cost`."""
        ...

    def context(self) -> Context:
        """For one operation."""
        ...


@dataclass(frozen=True, slots=True)
class Considered:
    """What a request comes to, whoever asks it, as long as its document is kept."""

    document: "ref[Document]"
    cost: int
    given: Given


@dataclass(slots=True)
class Admitted:
    """An operation that may run."""

    document: Document
    operation: Operation
    given: Given
    """The variables."""
    cost: int
    most: int
    """What one operation of theirs may cost."""
    bucket: Bucket | None
    """What is left of what they may ask in a while."""
    executor: str = "graphql-core"
    """What ran it, once it has run: `levels`, or `graphql-core` and why."""

    def told_cost(self) -> Answer:
        """What it costs and how much is left, as clients read it."""
        status = self.bucket.formatted() if self.bucket else None
        return {"requested": self.cost, "maximum": self.most, "throttleStatus": status}


class Engine:
    """Runs the operations of one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        settings: Settings,
        explain: Explain,
        throttle: Throttle | None = None,
        plans: Plans | None = None,
    ) -> None:
        """Without a throttle this process counts alone what everybody asks; without plans graphql-core runs all."""
        self.settings = settings
        self.masking = Masking(explain)
        self._schema = schema
        self._limits = Limits(settings)
        self._rate_limit = RateLimit(settings, throttle)
        self._plans = plans
        self._documents = PersistedDocuments(Documents(schema, settings), settings)
        self._seconds = {
            OperationType.QUERY: settings.query_timeout,
            OperationType.MUTATION: settings.mutation_timeout,
        }

    async def admit(self, asked: GraphQLRequest, session: Session, *, only_validate: bool = False) -> Admitted:
        """What is to run. Raises ClientError or RefusedDocumentError, and then nothing has run.

        It has been paid for from then on, whatever becomes of it. To validate only costs one point.
        """
        document = self._documents.find(asked)
        operation = document.operation(asked.operation_name)
        considered: Considered | None = asked.considered
        if considered is None or considered.document() is not document:
            self._limits.demand_small_variables(asked.variables)
            considered = Considered(ref(document), operation.cost.of(asked.variables), Given(asked.variables))
            asked.considered = considered
        cost = considered.cost
        most = session.max_cost
        if cost > most:
            message = f"This may return {cost} objects. One operation may ask for {most}: ask for smaller pages."
            raise exceeded("COST_LIMIT_EXCEEDED", message, most, None, cost=cost)
        bucket = await self._rate_limit.demand(session.key, 1 if only_validate else cost, most)
        return Admitted(document, operation, considered.given, cost, most, bucket)

    async def answer(self, admitted: Admitted, session: Session, request_id: str, gone: Gone | None = None) -> Answer:
        """Runs a query or a mutation. Raises ClientError TIMEOUT when it takes longer than its kind may.

        Raises GoneError when the client of a query has gone before it is answered. A mutation goes on without its
        client: it is done whole or not at all, and never because somebody hung up. Cancelling a query ends its
        statements in PostgreSQL too.
        """
        kind = admitted.operation.kind
        try:
            with Deadline(self._seconds[kind], gone if kind is OperationType.QUERY else None) as limit:
                if self._plans is not None and kind is OperationType.QUERY:
                    context = session.context()
                    try:
                        data = await self._plans.run(admitted.document, admitted.operation, admitted.given, context)
                        admitted.executor = "levels"
                        return {"data": data}
                    except Fallback as fallback:
                        if refusal := self.masking.refusal(fallback.__cause__):
                            raise refusal from None
                        admitted.executor = f"graphql-core; {fallback.reason}"
                    finally:
                        end(context)
                result = await self._executed(admitted, session)
                if refusal := self._refusal(admitted, result):
                    raise refusal
                return self._presented(result, request_id)
        except TimeoutError:
            if not limit.expired:
                raise
            raise _too_long() from None

    async def _executed(self, admitted: Admitted, session: Session) -> ExecutionResult:
        """Runs a query or a mutation by graphql-core."""
        context = session.context()
        try:
            result = execute(
                self._schema,
                admitted.document.node,
                context_value=context,
                variable_values=admitted.given.variables,
                operation_name=admitted.operation.name,
                hide_suggestions=not self.settings.introspection,
            )
            return result if isinstance(result, ExecutionResult) else await result
        finally:
            end(context)

    async def follow(self, admitted: Admitted, session: Session, request_id: str) -> AsyncGenerator[Answer]:
        """Runs a subscription: an answer for each event, each with a context of its own.

        When it cannot begin, or its source fails, the last answer says why.
        """
        executor = Executor.build(
            self._schema,
            admitted.document.node,
            context_value=(context := session.context()),
            raw_variable_values=admitted.given.variables,
            operation_name=admitted.operation.name,
            hide_suggestions=not self.settings.introspection,
        )
        if isinstance(executor, list):
            yield self._presented(ExecutionResult(None, executor), request_id)
            return
        found = create_source_event_stream(executor)
        events = await found if executor.is_awaitable(found) else found
        if isinstance(events, ExecutionResult):
            yield self._presented(events, request_id)
            return
        assert isinstance(events, AsyncGenerator)
        try:
            async for event in events:
                yield await self._event(executor.build_per_event_executor(event), session, request_id)
        except Exception as error:
            yield {"errors": [self.masking.formatted(located_error(error, None), request_id)]}
        finally:
            await events.aclose()
            end(context)

    async def _event(self, executor: "Executor[Any]", session: Session, request_id: str) -> Answer:
        executor.context_value = context = session.context()
        try:
            with Deadline(self.settings.query_timeout) as limit:
                result = execute_subscription_event(executor)
                if not isinstance(result, ExecutionResult):
                    result = await result
        except TimeoutError:
            if not limit.expired:
                raise
            return {"errors": [_too_long().formatted()]}
        finally:
            end(context)
        return self._presented(result, request_id)

    def _refusal(self, admitted: Admitted, result: ExecutionResult) -> ClientError | None:
        """Why the whole operation was refused, if it was: of several mutations the first may have been done."""
        if result.data is not None or not result.errors or len(admitted.operation.node.selection_set.selections) > 1:
            return None
        return self.masking.refusal(result.errors[0])

    def _presented(self, result: ExecutionResult, request_id: str) -> Answer:
        """The result without the key `data` where nothing ran."""
        answer: Answer = {}
        if result.errors:
            answer["errors"] = [self.masking.formatted(error, request_id) for error in result.errors]
        if result.data is not None or not result.errors or any(map(_happened_in_a_field, result.errors)):
            answer["data"] = result.data
        return answer


def end(context: Context) -> None:
    """Ends what an operation has left going."""
    if context.tasks:
        for task in tuple(context.tasks):
            task.cancel()


def _too_long() -> ClientError:
    return ClientError("This took too long and was stopped. Ask for less at once.", "TIMEOUT", 504)


def _happened_in_a_field(error: GraphQLError) -> bool:
    return error.path is not None
