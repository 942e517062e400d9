"""Writes the function of a region: Python that turns rows into what the client gets, without a call per field."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
)

from app.engine.plan.running import Surprise

INDENT = "    "

EXACT: dict[Any, str] = {
    GraphQLString: "type({0}) is str",
    GraphQLID: "type({0}) is str",
    GraphQLBoolean: "type({0}) is bool",
    GraphQLInt: "type({0}) is int and -2147483648 <= {0} <= 2147483647",
    GraphQLFloat: "type({0}) is float and {0} - {0} == 0",
}
"""Values that the scalar hands on as they are, so that its serialiser need not be asked."""


class Known(dict[Any, Any]):
    """What an enum writes for each of its values, asked once."""

    def __init__(self, serialize: Callable[[Any], Any]) -> None:
        super().__init__()
        self._serialize = serialize

    def __missing__(self, value: Any) -> Any:
        written = self[value] = self._serialize(value)
        return written


class Writer:
    """Lines of Python, and the objects that they name."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._names: dict[str, Any] = {"Surprise": Surprise}
        self._count = 0

    def line(self, depth: int, text: str) -> None:
        self._lines.append(INDENT * depth + text)

    def new(self, letter: str) -> str:
        """The name of another local variable."""
        self._count += 1
        return f"{letter}{self._count}"

    def named(self, letter: str, value: Any) -> str:
        """A name for an object of ours."""
        name = self.new(letter)
        self._names[name] = value
        return name

    def leaf(self, kind: GraphQLLeafType, value: str, nullable: bool) -> str:
        """An expression for what the client gets of the variable `value`. The leaf's own serialiser has the word."""
        empty = f"None if {value} is None else " if nullable else ""
        if isinstance(kind, GraphQLEnumType):
            return f"({empty}{self.named('enum', Known(kind.serialize))}[{value}])"
        serialized = f"{self.named('serialize', kind.serialize)}({value})"
        if exact := EXACT.get(kind):
            return f"({value} if {exact.format(value)} else {empty}{serialized})"
        return f"({empty}{serialized})"

    def function(self, name: str, parameter: str, before: Sequence[str], after: Sequence[str]) -> Callable[..., Any]:
        """The function of the lines, between those before and after them, with one parameter."""
        head, tail = ([INDENT + line for line in lines] for lines in (before, after))
        source = "\n".join([f"def {name}({parameter}):", *head, *self._lines, *tail, ""])
        exec(compile(source, "<plan>", "exec"), self._names)  # noqa: S102
        written: Callable[..., Any] = self._names[name]
        return written
