"""What another system says, item by item, and what became of it."""

from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from app.domain.errors import DomainError


class Absent:
    """The item says nothing about a field, not even that it is empty."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


def given(value: Any) -> Any:
    """The value; None when nothing was said."""
    return None if value is ABSENT else value


class Item(Protocol):
    """One thing that the other system says."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What identifies it among all items of its kind. Who keeps items gets each key once."""

    @property
    def values(self) -> tuple[Any, ...]:
        """What is said of it, ABSENT where nothing is said."""


AnyItem = TypeVar("AnyItem", bound=Item)


@dataclass(slots=True)
class Outcome(Generic[AnyItem]):
    """What became of items. Those that say what is known already are unchanged: nothing was written for them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    ids: dict[tuple[Any, ...], UUID] = field(default_factory=dict)
    """The ids of what was made, changed or found unchanged, by key, where it has one."""
    refused: list[tuple[AnyItem, DomainError]] = field(default_factory=list)
    """Items that were not kept, and why. The path of the error is within the item."""

    def refuse(self, item: AnyItem, error: DomainError) -> None:
        self.refused.append((item, error))
