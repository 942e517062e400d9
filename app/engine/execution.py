"""One operation, from what a client asked to what it is answered, whatever carries it there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from aiodataloader import DataLoader
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, execute, subscribe

from app.engine.documents import Document, Documents, Operation
from app.engine.errors import ClientError, Explain, Masking
from app.engine.persisted import PersistedDocuments
from app.engine.requests import GraphQLRequest
from app.settings import Settings

Answer = dict[str, Any]
"""The JSON object that a client gets."""


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

    def context(self) -> Context:
        """For one operation."""
        ...


@dataclass(frozen=True, slots=True)
class Admitted:
    """An operation that may run."""

    document: Document
    operation: Operation
    variables: dict[str, Any] | None


class Engine:
    """Runs the operations of one schema."""

    def __init__(self, schema: GraphQLSchema, settings: Settings, explain: Explain) -> None:
        self.settings = settings
        self.masking = Masking(explain)
        self._schema = schema
        self._documents = PersistedDocuments(Documents(schema, settings), settings)
        self._seconds = {
            OperationType.QUERY: settings.query_timeout,
            OperationType.MUTATION: settings.mutation_timeout,
        }

    async def admit(self, asked: GraphQLRequest, _: Session) -> Admitted:
        """What is to run. Raises ClientError or RefusedDocumentError, and then nothing has run."""
        document = self._documents.find(asked)
        return Admitted(document, document.operation(asked.operation_name), asked.variables)

    async def answer(self, admitted: Admitted, session: Session, request_id: str) -> Answer:
        """Runs a query or a mutation. Raises ClientError TIMEOUT when it takes longer than its kind may.

        Cancelling a query ends its statements in PostgreSQL too.
        """
        context = session.context()
        try:
            async with asyncio.timeout(self._seconds[admitted.operation.kind]) as limit:
                result = execute(
                    self._schema,
                    admitted.document.node,
                    context_value=context,
                    variable_values=admitted.variables,
                    operation_name=admitted.operation.name,
                    hide_suggestions=not self.settings.introspection,
                )
                if not isinstance(result, ExecutionResult):
                    result = await result
        except TimeoutError:
            if not limit.expired():
                raise
            raise ClientError("This took too long and was stopped. Ask for less at once.", "TIMEOUT", 504) from None
        finally:
            end(context)
        return self._presented(result, request_id)

    async def follow(self, admitted: Admitted, session: Session, request_id: str) -> AsyncGenerator[Answer]:
        """Runs a subscription: an answer for each event. When it cannot begin, the one answer says why."""
        first = session.context()
        try:
            found = subscribe(
                self._schema,
                admitted.document.node,
                context_value=first,
                variable_values=admitted.variables,
                operation_name=admitted.operation.name,
                hide_suggestions=not self.settings.introspection,
            )
            events = found if isinstance(found, ExecutionResult | AsyncIterator) else await found
            if isinstance(events, ExecutionResult):
                yield self._presented(events, request_id)
                return
            try:
                async for event in events:
                    yield self._presented(event, request_id)
                    # What was loaded for one event is not true of the next.
                    first.loaders.clear()
            finally:
                if isinstance(events, AsyncGenerator):
                    await events.aclose()
        finally:
            end(first)

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
    for task in tuple(context.tasks):
        task.cancel()


def _happened_in_a_field(error: GraphQLError) -> bool:
    return error.path is not None
