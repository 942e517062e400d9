"""Valid queries made at random from the schema, over what an account has."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.type import GraphQLList, GraphQLNonNull

from app.graph import schema
from tests.inventory import Inventory

EXAMPLES: dict[str, tuple[Any, ...]] = {
    "Int": (*range(1, 101), 0, -1, 2_000),
    "Boolean": (True, False),
    "DateTime": ("2001-01-01T00:00:00Z", "2026-01-31T09:30:00+02:00", "2100-01-01T00:00:00Z"),
    "Date": ("2026-01-31",),
}

SHARES = {"after": 0.02, "before": 0.02, "last": 0.1}
"""How often an argument is given that need not be, where few values of it are good ones."""

NOBODY = "0198c0de-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Query:
    text: str
    variables: dict[str, Any]


@dataclass
class Writing:
    """One query in the making. The same seed makes the same query of the same account."""

    random: Random
    own: Inventory
    declared: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    count: int = 0

    def query(self) -> Query:
        assert schema.query_type is not None
        selected = self.selection(schema.query_type, self.random.randint(2, 5))
        declared = ", ".join(f"${name}: {kind}" for name, kind in self.declared.items())
        heading = f"query Made({declared})" if declared else "query Made"
        return Query("\n".join([f"{heading} {selected}", *self.fragments]), self.variables)

    def selection(self, kind: Any, depth: int) -> str:
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            parts = ["__typename"] if self.random.random() < 0.8 else []
            if isinstance(kind, GraphQLInterfaceType):
                parts += self.fields(kind, depth, 1)
            possible = schema.get_possible_types(kind)
            for each in self.random.sample(possible, self.random.randint(1, len(possible))):
                parts.append(self.fragment(each, self.fields(each, depth, 3)))
        else:
            parts = self.fields(kind, depth, 5)
        self.random.shuffle(parts)
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def fields(self, kind: GraphQLObjectType | GraphQLInterfaceType, depth: int, most: int) -> list[str]:
        names = list(kind.fields)
        chosen = [self.random.choice(names) for _ in range(self.random.randint(1, most))]
        parts = [each for name in chosen if (each := self.field(name, kind.fields[name], depth))]
        if self.random.random() < 0.15:
            parts.append(self.random.choice(["__typename", f"{self.new('kind')}: __typename"]))
        if parts and isinstance(kind, GraphQLObjectType) and self.random.random() < 0.25:
            parts = [self.fragment(kind, parts)]
        if parts and self.random.random() < 0.1:
            parts.append(f"... {self.condition()} {{ {self.random.choice(parts)} }}")
        return parts

    def field(self, name: str, field: GraphQLField, depth: int) -> str:
        named = get_named_type(field.type)
        composite = is_composite_type(named)
        if composite and depth <= 0:
            return ""
        arguments = self.arguments(field.args)
        alias = f"{self.new('a')}: " if arguments or self.random.random() < 0.1 else ""
        condition = f" {self.condition()}" if self.random.random() < 0.08 else ""
        inner = f" {self.selection(named, depth - 1)}" if composite else ""
        return f"{alias}{name}{arguments}{condition}{inner}"

    def fragment(self, kind: GraphQLObjectType, parts: list[str]) -> str:
        """The parts, by way of a fragment on the type or on an interface of it."""
        if self.random.random() < 0.5:
            return f"... on {kind.name} {{ {' '.join(parts)} }}"
        name = self.new("F")
        self.fragments.append(f"fragment {name} on {kind.name} {{ {' '.join(parts)} }}")
        twice = self.random.random() < 0.2
        return f"...{name} ...{name}" if twice else f"...{name}"

    def condition(self) -> str:
        word = self.random.choice(("skip", "include"))
        value = self.random.random() < 0.5
        if self.random.random() < 0.5:
            return f"@{word}(if: {json.dumps(value)})"
        return f"@{word}(if: {self.variable('Boolean!', value)})"

    def arguments(self, arguments: dict[str, GraphQLArgument]) -> str:
        given = []
        for name, argument in arguments.items():
            if not is_required_argument(argument) and self.random.random() > SHARES.get(name, 0.25):
                continue
            value = self.value(argument.type, name, 3)
            if self.random.random() < 0.4:
                given.append(f"{name}: {self.variable(str(argument.type), value)}")
            else:
                given.append(f"{name}: {literal(argument.type, value)}")
        return f"({', '.join(given)})" if given else ""

    def variable(self, kind: str, value: Any) -> str:
        name = self.new("v")
        self.declared[name] = kind
        self.variables[name] = value
        return f"${name}"

    def value(self, kind: GraphQLInputType, name: str, depth: int) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self.value(kind.of_type, name, depth)
        if isinstance(kind, GraphQLList):
            return [self.value(kind.of_type, name, depth - 1) for _ in range(self.random.randint(0, 3))]
        if isinstance(kind, GraphQLInputObjectType):
            return self.input(kind, depth)
        if isinstance(kind, GraphQLEnumType):
            return self.random.choice(list(kind.values))
        if kind.name == "ID":
            ids = [str(id) for of_kind in self.own.ids.values() for id in of_kind]
            return self.random.choice([*ids, *ids, NOBODY, "no id"])
        if kind.name == "String":
            return self.random.choice((self.own.label, "a", "ö", "", "Lovelace", "no cursor"))
        if kind.name == "DateTime":
            return self.random.choice((self.own.made_at, *EXAMPLES[kind.name]))
        return self.random.choice(EXAMPLES[kind.name])

    def input(self, kind: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        names = list(kind.fields)
        if kind.is_one_of:
            chosen = {self.random.choice(names)}
        else:
            chosen = {name for name in names if is_required_input_field(kind.fields[name])}
            if depth > 0:
                chosen |= set(self.random.sample(names, self.random.randint(0, min(2, len(names)))))
        return {name: self.value(kind.fields[name].type, name, depth - 1) for name in names if name in chosen}

    def new(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"


def literal(kind: GraphQLInputType, value: Any) -> str:
    """The value as a document writes it."""
    if isinstance(kind, GraphQLNonNull):
        return literal(kind.of_type, value)
    if value is None:
        return "null"
    if isinstance(kind, GraphQLList):
        return f"[{', '.join(literal(kind.of_type, each) for each in value)}]"
    if isinstance(kind, GraphQLInputObjectType):
        return "{" + ", ".join(f"{name}: {literal(kind.fields[name].type, each)}" for name, each in value.items()) + "}"
    return str(value) if isinstance(kind, GraphQLEnumType) else json.dumps(value)
