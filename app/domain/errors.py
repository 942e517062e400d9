"""The failures that users can expect, one class per cause.

The docstring of a class is its message, with its fields filled in. A mutation that meets one changes nothing; one
that takes many items keeps the others.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Self
from uuid import UUID

Path = tuple[str, ...]
"""Where in the input the cause is, as in ("input", "name")."""


@dataclass(eq=False)
class DomainError(Exception):
    """The request cannot be fulfilled."""

    path: Path = ()
    code: ClassVar[str]

    @property
    def message(self) -> str:
        return str(self.__doc__).format(**vars(self))

    def at(self, *path: str) -> Self:
        """The same failure, found at this place of the input."""
        return replace(self, path=path)

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class InvalidInputError(DomainError):
    """{problem}"""

    problem: str = ""
    code = "INVALID_INPUT"


@dataclass(eq=False)
class NotFoundError(DomainError):
    """There is no {noun} with this id."""

    noun: str = "object"
    code = "NOT_FOUND"


@dataclass(eq=False)
class UnknownExternalIdError(NotFoundError):
    """There is no {noun} {external_id}."""

    external_id: str = ""


@dataclass(eq=False)
class ErasedError(DomainError):
    """This person was erased and may not come back."""

    code = "ERASED"


@dataclass(eq=False)
class NameTakenError(DomainError):
    """Another segment has this name already."""

    segment_id: UUID | None = None
    code = "NAME_TAKEN"


@dataclass(eq=False)
class PolicyNameTakenError(DomainError):
    """Another privacy policy has this name already."""

    code = "NAME_TAKEN"


@dataclass(eq=False)
class SegmentArchivedError(DomainError):
    """The segment is archived. Restore it to change its members."""

    code = "SEGMENT_ARCHIVED"


@dataclass(eq=False)
class SegmentOutOfUseError(DomainError):
    """The segment is archived. Restore it to include it in a campaign."""

    code = "SEGMENT_ARCHIVED"


@dataclass(eq=False)
class ChannelMismatchError(DomainError):
    """The segment's channel is {segment_channel}, the campaign's is {channel}."""

    segment_channel: str = ""
    channel: str = ""
    code = "CHANNEL_MISMATCH"


@dataclass(eq=False)
class ContractInactiveError(DomainError):
    """No contract of the account is in force today."""

    code = "CONTRACT_INACTIVE"


@dataclass(eq=False)
class QuotaExceededError(DomainError):
    """The contract still allows {remaining} endpoints and this needs {needed}."""

    limit: int = 0
    used: int = 0
    reserved: int = 0
    needed: int = 0
    code = "QUOTA_EXCEEDED"

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used - self.reserved)

    @property
    def message(self) -> str:
        return str(self.__doc__).format(remaining=self.remaining, needed=self.needed)


@dataclass(eq=False)
class SearchResultsChangedError(DomainError):
    """The search now finds {actual_count} candidates instead of {expected_count}."""

    expected_count: int = 0
    actual_count: int = 0
    code = "SEARCH_RESULTS_CHANGED"


@dataclass(eq=False)
class IdempotencyKeyReusedError(DomainError):
    """This idempotency key was used with another input before."""

    code = "IDEMPOTENCY_KEY_REUSED"


@dataclass(eq=False)
class InUseError(DomainError):
    """The segment is used by {campaign_count} campaign(s). Take it out of them first."""

    campaign_count: int = 0
    code = "IN_USE"


@dataclass(eq=False)
class OperationFinishedError(DomainError):
    """The operation has ended already."""

    code = "OPERATION_FINISHED"


@dataclass(eq=False)
class NotCancellableError(DomainError):
    """The operation cannot be cancelled: those whom it lets go may not be contacted."""

    code = "NOT_CANCELLABLE"


@dataclass(eq=False)
class NotUndoableError(DomainError):
    """The operation cannot be undone: {problem}."""

    problem: str = ""
    code = "NOT_UNDOABLE"


@dataclass(eq=False)
class LostCountChangedError(DomainError):
    """This would now end {actual_count} memberships instead of {expected_count}."""

    expected_count: int = 0
    actual_count: int = 0
    code = "LOST_COUNT_CHANGED"


class RefusedError(Exception):
    """Several expected failures at once."""

    def __init__(self, errors: list[DomainError]) -> None:
        super().__init__(str(self.__doc__))
        self.errors = errors


class BadUserInputError(Exception):
    """An argument of a query that cannot be used: reported among the response's errors, as BAD_USER_INPUT."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
