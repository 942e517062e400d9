"""Writes the function of a region: Python that turns rows into what the client gets, without a call per field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import NoneType
from typing import Any

from graphql import GraphQLEnumType, GraphQLLeafType

from app.engine.plan.running import Surprise

INDENT = "    "


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Values of a leaf that need no call of its serialiser: those that pass the test are written so.

    All are Python, with {0} for the value and the names of objects.
    """

    test: str
    written: str = "{0}"
    objects: Mapping[str, Any] = field(default_factory=dict)
    handed_on: type | None = None
    """What the test demands, if it is no more than a type, and values are written as they are: so are whole lists."""


def handed_on(kind: type) -> Shortcut:
    """Values of exactly this type are written as they are."""
    return Shortcut(f"type({{0}}) is {kind.__name__}", handed_on=kind)


SHORTCUTS: dict[str, Shortcut] = {
    "String": handed_on(str),
    "ID": handed_on(str),
    "Boolean": handed_on(bool),
    "Int": Shortcut("type({0}) is int and -2147483648 <= {0} <= 2147483647"),
    "Float": Shortcut("type({0}) is float and {0} - {0} == 0"),
}
"""What the scalars of the specification hand on as it is."""


class Known(dict[Any, Any]):
    """What an enum writes for each of its values, asked once."""

    def __init__(self, serialize: Callable[[Any], Any]) -> None:
        super().__init__()
        self._serialize = serialize

    def __missing__(self, value: Any) -> Any:
        written = self[value] = self._serialize(value)
        return written


def present(serialize: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same for values that must be there."""

    def serialize_present(value: Any) -> Any:
        if value is None:
            raise Surprise("null")
        return serialize(value)

    return serialize_present


class Writer:
    """Lines of Python, and the objects that they name."""

    def __init__(self, shortcuts: Mapping[str, Shortcut]) -> None:
        self._shortcuts = shortcuts
        self._first: list[str] = []
        self._lines: list[str] = []
        self._last: list[str] = []
        self._names: dict[str, Any] = {"Surprise": Surprise, "chain": chain.from_iterable}
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
        serialize = kind.serialize if nullable else present(kind.serialize)
        empty = f"None if {value} is None else " if nullable else ""
        if isinstance(kind, GraphQLEnumType):
            return f"({empty}{self.named('enum', Known(serialize))}[{value}])"
        serialized = f"{self.named('serialize', serialize)}({value})"
        if shortcut := self._shortcuts.get(kind.name):
            self._names |= shortcut.objects
            return f"({shortcut.written.format(value)} if {shortcut.test.format(value)} else {empty}{serialized})"
        return f"({empty}{serialized})"

    def leaves(self, kind: GraphQLLeafType, values: str, nullable: bool, depth: int) -> str:
        """The same of a variable with a list of them. A list that is handed on stays the row's: nobody changes it. All
        that are handed on are looked through together at the end, as to begin with each takes longer than to do it."""
        shortcut = None if isinstance(kind, GraphQLEnumType) else self._shortcuts.get(kind.name)
        if shortcut is None or shortcut.handed_on is None:
            item = self.new("item")
            return f"[{self.leaf(kind, item, nullable)} for {item} in {values}]"
        lists, types = self.new("lists"), {shortcut.handed_on, NoneType} if nullable else {shortcut.handed_on}
        only = self.named("only", frozenset(types).issuperset)
        self._first.append(f"{lists} = []")
        self.line(depth, f"{lists}.append({values})")
        self._last.append(f"if not {only}(map(type, chain({lists}))): raise Surprise('an odd list')")
        return values

    def function(self, name: str, parameter: str, before: Sequence[str], after: Sequence[str]) -> Callable[..., Any]:
        """The function of the lines, between those before and after them, with one parameter."""
        head = [INDENT + line for line in (*self._first, *before)]
        tail = [INDENT + line for line in (*self._last, *after)]
        source = "\n".join([f"def {name}({parameter}):", *head, *self._lines, *tail, ""])
        exec(compile(source, "<plan>", "exec"), self._names)  # noqa: S102
        written: Callable[..., Any] = self._names[name]
        return written
