"""Requests written from the schema, so that what is added to the graph is asked for without being told.

A place is where a request can name something that belongs to an account: an argument, or a field somewhere in an
argument, that holds ids, cursors or keys. `Query.candidates(filter.not.inSegment)` is one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.type import GraphQLList, GraphQLNonNull

from app.graph import schema
from tests.inventory import Inventory

CURSORS = ("after", "before")
KEYS = (
    "externalId",
    "candidateExternalId",
    "candidateExternalIds",
    "vacancyExternalId",
    "listExternalId",
    "idempotencyKey",
)
"""Texts that the account itself keeps, and finds things by."""

KINDS = {
    "segmentId": "Segment",
    "includedSegmentIds": "Segment",
    "excludedSegmentIds": "Segment",
    "candidateId": "Candidate",
    "candidateIds": "Candidate",
    "operationId": "MembershipOperation",
    "policyId": "PrivacyPolicy",
    "policyIds": "PrivacyPolicy",
    "campaignId": "Campaign",
}
"""What the ids of arguments and input fields are ids of, by their names, where they must be given."""

KINDS_AT = {
    "Query.node(id)": "Segment",
    "Query.nodes(ids)": "Segment",
    "Query.segment(id)": "Segment",
    "Query.candidate(id)": "Candidate",
    "Query.operation(id)": "MembershipOperation",
    "Subscription.operation(id)": "MembershipOperation",
    "CandidateSelection.ids": "Candidate",
}
"""The same where the name alone does not tell."""

EXAMPLES: dict[str, Any] = {
    "String": "some text",
    "Int": 1,
    "Float": 1.0,
    "Boolean": True,
    "DateTime": "2026-01-31T09:30:00Z",
    "Date": "2199-01-31",
}


class UnknownKindError(Exception):
    """{where} takes ids, and KINDS in tests/asking.py does not say of what."""

    def __init__(self, where: str) -> None:
        super().__init__(str(self.__doc__).format(where=where))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request can name what belongs to an account."""

    type: str
    field: str
    path: tuple[str, ...]
    owner: str
    """What declares the argument or input field at the end of the path: `Query.candidates`, or an input type."""

    def __str__(self) -> str:
        return f"{self.type}.{self.field}({'.'.join(self.path)})"

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def of_a_root(self) -> bool:
        return self.type in ROOTS

    @property
    def of_a_change(self) -> bool:
        return self.type == "Mutation"


ROOTS = {kind.name for kind in (schema.query_type, schema.mutation_type, schema.subscription_type) if kind}


def field_of(type_name: str, name: str) -> GraphQLField:
    kind = schema.type_map[type_name]
    assert isinstance(kind, GraphQLObjectType)
    field: GraphQLField = kind.fields[name]
    return field


def fields() -> Iterator[tuple[str, str, GraphQLField]]:
    """Every field of every object type, with the names of both."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, each in kind.fields.items():
                yield kind.name, name, each


def places() -> list[Place]:
    """Every place of the graph."""
    return [place for place, kind in inputs() if kind == "ID" or (kind == "String" and place.name in CURSORS + KEYS)]


def inputs() -> Iterator[tuple[Place, str]]:
    """Wherever a request can give a value, and the type of it."""
    for type_name, field_name, each in fields():
        for argument_name, argument in each.args.items():
            for path, kind, above in _paths(argument_name, argument.type, (f"{type_name}.{field_name}",)):
                yield Place(type_name, field_name, path, above[-1]), kind


def _paths(
    name: str, kind: GraphQLInputType, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """The ways to the values within an input, their types, and what they lead through. Inputs that contain themselves
    are entered twice."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLInputObjectType):
        yield (name,), named.name, above
    elif above.count(named.name) < 2:
        for each, inner in named.fields.items():
            for path, leaf, owners in _paths(each, inner.type, (*above, named.name)):
                yield (name, *path), leaf, owners


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and its variables."""

    query: str
    variables: dict[str, Any]


def ask_root(type_name: str, name: str, own: Inventory) -> Asked:
    """The root field with what it demands, of this account, and everything in the answer."""
    return _asked(type_name, name, own, (), None, None)


def ask_at(place: Place, own: Inventory, value: Any, parent: str | None = None) -> Asked:
    """A request that gives `value` at the place, and else only what this account has. `parent` is the id of the
    object whose field it is, when that is not a root."""
    return _asked(place.type, place.field, own, place.path, value, parent)


def _asked(type_name: str, name: str, own: Inventory, path: tuple[str, ...], value: Any, parent: str | None) -> Asked:
    field = field_of(type_name, name)
    declared, passed, variables = [], [], {}
    for argument_name, argument in field.args.items():
        on_path = path[:1] == (argument_name,)
        if not on_path and not is_required_argument(argument):
            continue
        declared.append(f"${argument_name}: {argument.type}")
        passed.append(f"{argument_name}: ${argument_name}")
        where = f"{type_name}.{name}({argument_name})"
        variables[argument_name] = _value(
            argument.type, argument_name, where, own, path[1:] if on_path else None, value
        )
    arguments = f"({', '.join(passed)})" if passed else ""
    # A search finds what it finds, however much of that is asked for.
    searched = len(path) > 1 and type_name != "Mutation"
    selected = f"{name}{arguments} {selection(field.type, own, depth=0 if searched else 1)}"
    if type_name not in ROOTS:
        declared.append("$parent: ID!")
        variables["parent"] = parent
        selected = f"node(id: $parent) {{ ... on {type_name} {{ {selected} }} }}"
    operation = {"Mutation": "mutation", "Subscription": "subscription"}.get(type_name, "query")
    heading = f"{operation}({', '.join(declared)})" if declared else operation
    return Asked(f"{heading} {{ {selected} }}", variables)


def _value(
    kind: GraphQLInputType, name: str, where: str, own: Inventory, path: tuple[str, ...] | None, value: Any
) -> Any:
    """An input of this type: with `value` at the end of the path, or with nothing but what it demands."""
    if isinstance(kind, GraphQLNonNull):
        return _value(kind.of_type, name, where, own, path, value)
    if isinstance(kind, GraphQLList):
        return [_value(kind.of_type, name, where, own, path, value)]
    if isinstance(kind, GraphQLInputObjectType):
        return _input(kind, own, path, value)
    if path == ():
        return value
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if kind.name == "ID":
        return _own_id(name, where, own)
    return own.made_at if name == "at" else EXAMPLES[kind.name]


def _input(kind: GraphQLInputObjectType, own: Inventory, path: tuple[str, ...] | None, value: Any) -> Any:
    if path:
        named = path[0]
    elif kind.is_one_of:
        named = next(iter(kind.fields))
    else:
        named = None
    return {
        name: _value(each.type, name, f"{kind.name}.{name}", own, path[1:] if path and name == named else None, value)
        for name, each in kind.fields.items()
        if name == named or is_required_input_field(each)
    }


def _own_id(name: str, where: str, own: Inventory) -> str:
    kind = KINDS_AT.get(where) or KINDS.get(name)
    if kind is None:
        raise UnknownKindError(where)
    return str(own.one(kind))


def selection(
    kind: GraphQLOutputType | GraphQLNamedType, own: Inventory, depth: int = 1, above: tuple[str, ...] = ()
) -> str:
    """Everything of a type, so many fields deep, each type once on the way. A page and its rows are one field."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLObjectType):
        selected = _selected(named, own, depth, above)
    elif isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
        selected = " ".join(
            ["__typename"]
            + [
                f"... on {each.name} {{ {_selected(each, own, depth - 1, above, f'{each.name}_')} }}"
                for each in schema.get_possible_types(named)
            ]
        )
    else:
        return ""
    return f"{{ {selected} }}"


def _selected(kind: GraphQLObjectType, own: Inventory, depth: int, above: tuple[str, ...], prefix: str = "") -> str:
    above = (*above, kind.name)
    selected = []
    for name, each in kind.fields.items():
        named = get_named_type(each.type)
        arguments = required_arguments(kind.name, name, each.args, own)
        if is_composite(named):
            left = depth if kind.name.endswith(("Connection", "Edge")) else depth - 1
            if named.name in above or left < 0:
                continue
            inner = selection(each.type, own, left, above)
        else:
            inner = ""
        selected.append(f"{prefix and f'{prefix}{name}: '}{name}{arguments} {inner}")
    return " ".join(selected) or "__typename"


def is_composite(kind: GraphQLNamedType) -> bool:
    return isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)


def required_arguments(type_name: str, name: str, arguments: dict[str, GraphQLArgument], own: Inventory) -> str:
    """What the field demands, written in place."""
    written = []
    for argument_name, argument in arguments.items():
        if is_required_argument(argument):
            where = f"{type_name}.{name}({argument_name})"
            value = _value(argument.type, argument_name, where, own, None, None)
            enum = isinstance(get_named_type(argument.type), GraphQLEnumType)
            written.append(f"{argument_name}: {value if enum else repr(value).replace(chr(39), chr(34))}")
    return f"({', '.join(written)})" if written else ""


def node_types(of: GraphQLSchema = schema) -> list[str]:
    """The types of everything that has an id of its own."""
    node = of.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    return [kind.name for kind in of.get_possible_types(node)]
