"""Expected failures, as they come in payloads."""

from typing import Any

import strawberry

from app.domain import errors
from app.engine.batch import batch_field
from app.resolvers.loaders.segments import segments_by_id
from app.schema.enums import UserErrorCode
from app.schema.segment import Segment


class Failure:
    """An expected failure as a value: graphql-core takes an exception in a result for one that was raised."""

    __slots__ = ("error",)

    def __init__(self, error: errors.DomainError) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.error, name)


@strawberry.interface(
    description=(
        "An expected failure. It comes in the payload, with nothing changed, or of many items this one left out;"
        " `errors` is for all else."
    )
)
class UserError:
    message: str = strawberry.field(description="What went wrong, for people, in English.")
    path: list[str] | None = strawberry.field(
        description="Where in the input the cause is, as in [input, name]; items of lists by index, as in [ids, 3]."
    )

    @strawberry.field(description="What went wrong, for programs.")
    def code(self: Any) -> UserErrorCode:
        return UserErrorCode(self.code)

    @classmethod
    def resolve_type(cls, source: Failure, *_: Any) -> str:
        return TYPES.get(type(source.error), ConflictError).__name__

    @classmethod
    def is_type_of(cls, *_: Any) -> bool:
        return True


@strawberry.type(description="A value is out of its bounds.")
class InvalidInputError(UserError):
    pass


@strawberry.type(description="There is nothing with this id in the account: unknown, malformed and foreign ids alike.")
class NotFoundError(UserError):
    pass


@strawberry.type(description="Another segment has the name.")
class NameTakenError(UserError):
    segment: Segment | None = batch_field(
        segments_by_id, key="segment_id", description="The segment that has the name, if it still does."
    )


@strawberry.type(description="The contract does not allow the endpoints that this needs.")
class QuotaExceededError(UserError):
    limit: int = strawberry.field(description="The endpoints that the contract allows.")
    used: int = strawberry.field(description="Those in use.")
    reserved: int = strawberry.field(description="Those set aside for operations still running.")
    remaining: int = strawberry.field(description="Those left.")
    needed: int = strawberry.field(description="New endpoints that the request needs.")


@strawberry.type(description="The search finds another number of candidates than the user saw.")
class SearchResultsChangedError(UserError):
    expected_count: int = strawberry.field(description="The number the user saw.")
    actual_count: int = strawberry.field(description="The number it finds now.")


@strawberry.type(description="The state of things does not allow this; `code` says what stands in the way.")
class ConflictError(UserError):
    pass


TYPES: dict[type[errors.DomainError], type[UserError]] = {
    errors.InvalidInputError: InvalidInputError,
    errors.NotFoundError: NotFoundError,
    errors.UnknownExternalIdError: NotFoundError,
    errors.NameTakenError: NameTakenError,
    errors.QuotaExceededError: QuotaExceededError,
    errors.SearchResultsChangedError: SearchResultsChangedError,
}
IMPLEMENTATIONS = [*dict.fromkeys(TYPES.values()), ConflictError]
