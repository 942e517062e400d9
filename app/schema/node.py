"""What has an id of its own."""

from typing import Any

import strawberry
from asyncpg import Record


class TypedRow:
    """A row of which the type must be known, as behind `node`."""

    __slots__ = ("kind", "row")

    def __init__(self, kind: str, row: Record) -> None:
        self.kind = kind
        self.row = row

    def __getitem__(self, name: str) -> Any:
        return self.row[name]


@strawberry.interface(description="Anything that can be read again by its id, with `node`.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, unique in the whole graph, and never given again.")

    @classmethod
    def resolve_type(cls, source: TypedRow, *_: Any) -> str:
        return source.kind

    @classmethod
    def is_type_of(cls, *_: Any) -> bool:
        """Rows carry no type: what a field returns is what the schema says it returns."""
        return True
