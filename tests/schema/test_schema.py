"""The graph as its clients see it: the contract they rely on, and what it says about itself."""

import re
from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
    validate_schema,
)
from graphql.utilities import find_breaking_changes

from app.graph import schema, sdl

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
CONTRACT = HERE / "contract.graphql"
MISSING = HERE / "missing.txt"
SHARED_CONTRACT = CHECKOUT.parent / "shared" / "contract.graphql"

contract = build_schema(CONTRACT.read_text(encoding="utf-8"))
printed = build_schema(sdl())
"""As clients' tools read it."""

Described = tuple[str, str, str | None]
"""Where in the graph, its last name, and what is said of it."""


def described() -> Iterator[Described]:
    """Everything of ours that can have a description."""
    for directive in printed.directives:
        if not is_specified_directive(directive):
            yield f"@{directive.name}", directive.name, directive.description
    for kind in printed.type_map.values():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield kind.name, kind.name, kind.description
        if isinstance(kind, GraphQLEnumType):
            for name, value in kind.values.items():
                yield f"{kind.name}.{name}", name, value.description
        elif isinstance(kind, GraphQLInputObjectType):
            for name, given in kind.fields.items():
                yield f"{kind.name}.{name}", name, given.description
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", name, field.description
                for argument_name, argument in field.args.items():
                    yield f"{kind.name}.{name}({argument_name})", argument_name, argument.description


def letters(text: str) -> str:
    """The text without what does not count when a description merely repeats a name."""
    plain = re.sub(r"[^a-z]", "", re.sub(r"\b(a|an|the)\b", "", text.lower()))
    return plain.removesuffix("s")


def objects(of: GraphQLSchema) -> list[GraphQLObjectType]:
    return [
        kind for kind in of.type_map.values() if isinstance(kind, GraphQLObjectType) and not is_introspection_type(kind)
    ]


def mutations() -> dict[str, GraphQLField]:
    assert schema.mutation_type is not None
    fields: dict[str, GraphQLField] = schema.mutation_type.fields
    return fields


def test_the_printed_schema_is_fresh() -> None:
    assert (CHECKOUT / "schema.graphql").read_text(encoding="utf-8") == sdl(), "segments schema > schema.graphql"


def test_the_schema_is_valid() -> None:
    assert validate_schema(schema) == []
    assert validate_schema(printed) == []


def test_nothing_in_the_contract_is_broken_but_what_is_still_missing() -> None:
    """missing.txt may only shrink: what is no longer missing must leave it."""
    changes = [f"{change.type.name}: {change.description}" for change in find_breaking_changes(contract, printed)]
    assert sorted(changes) == MISSING.read_text(encoding="utf-8").splitlines()


def test_defaults_are_those_of_the_contract() -> None:
    differing = []
    for kind in contract.type_map.values():
        now = printed.type_map.get(kind.name)
        if isinstance(kind, GraphQLInputObjectType) and isinstance(now, GraphQLInputObjectType):
            for name, field in kind.fields.items():
                if name in now.fields and now.fields[name].default_value != field.default_value:
                    differing.append(f"{kind.name}.{name}")
        elif isinstance(kind, GraphQLObjectType) and isinstance(now, GraphQLObjectType):
            for name in kind.fields.keys() & now.fields.keys():
                for argument, promised in kind.fields[name].args.items():
                    found = now.fields[name].args.get(argument)
                    if found and found.default_value != promised.default_value:
                        differing.append(f"{kind.name}.{name}({argument})")
    assert differing == []


def test_inputs_of_which_one_field_must_be_given_are_those_of_the_contract() -> None:
    for kind in contract.type_map.values():
        now = printed.type_map.get(kind.name)
        if isinstance(kind, GraphQLInputObjectType) and isinstance(now, GraphQLInputObjectType):
            assert now.is_one_of == kind.is_one_of, kind.name
            before_printing = schema.type_map[kind.name]
            assert isinstance(before_printing, GraphQLInputObjectType)
            assert before_printing.is_one_of == kind.is_one_of, kind.name


def test_our_copy_of_the_contract_is_the_one_agreed_upon() -> None:
    if SHARED_CONTRACT.exists():
        assert CONTRACT.read_bytes() == SHARED_CONTRACT.read_bytes()


def test_everything_is_described_by_sentences() -> None:
    wanting = [
        where
        for where, name, description in described()
        if not description
        or description != description.strip()
        or not re.match(r"[A-Z0-9`]", description)
        or description[-1] not in ".?!"
        or letters(description) == letters(name)
    ]
    assert wanting == []


def test_no_default_is_null() -> None:
    assert "= null" not in sdl()
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            assert [name for name, field in kind.fields.items() if field.default_value is None] == []
        elif isinstance(kind, GraphQLObjectType):
            for field in kind.fields.values():
                assert [name for name, argument in field.args.items() if argument.default_value is None] == []


def test_names_look_alike() -> None:
    for kind in printed.type_map.values():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        assert re.fullmatch(r"[A-Z][A-Za-z]*", kind.name)
        if isinstance(kind, GraphQLEnumType):
            assert [name for name in kind.values if not re.fullmatch(r"[A-Z]+(_[A-Z]+)*", name)] == []
        elif isinstance(kind, GraphQLInputObjectType | GraphQLObjectType | GraphQLInterfaceType):
            assert [name for name in kind.fields if not re.fullmatch(r"[a-z][A-Za-z]*", name)] == []


def test_each_mutation_has_an_input_and_a_payload_of_its_name() -> None:
    for name, field in mutations().items():
        stem = name[0].upper() + name[1:]
        assert {argument: str(given.type) for argument, given in field.args.items()} == {"input": f"{stem}Input!"}
        assert str(field.type) == f"{stem}Payload!"
        payload = get_named_type(field.type)
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["userErrors"].type) == "[UserError!]!"


def test_payloads_and_errors_are_called_so_and_nothing_else_is() -> None:
    payloads = {get_named_type(field.type).name for field in mutations().values()}
    user_error = schema.type_map["UserError"]
    assert isinstance(user_error, GraphQLInterfaceType)
    errors = {kind.name for kind in schema.get_possible_types(user_error)}
    assert {kind.name for kind in objects(schema) if kind.name.endswith("Payload")} == payloads
    assert {kind.name for kind in objects(schema) if kind.name.endswith("Error")} == errors


def test_inputs_are_called_so() -> None:
    suffixes = ("Input", "Filter", "Order", "Range", "Selection", "Results")
    names = [kind.name for kind in schema.type_map.values() if isinstance(kind, GraphQLInputObjectType)]
    assert [name for name in names if not name.endswith(suffixes)] == []


def test_every_list_that_can_grow_is_a_connection() -> None:
    """Pages have a type called so, and are asked for alike."""
    for kind in objects(schema):
        for name, field in kind.fields.items():
            paged = "first" in field.args
            assert paged == get_named_type(field.type).name.endswith("Connection"), f"{kind.name}.{name}"
            if paged:
                assert str(field.type).endswith("Connection!")
                assert {"first", "after"} <= field.args.keys()
                assert ("last" in field.args) == ("before" in field.args)
                assert all(field.args[each].default_value is Undefined for each in ("first", "after"))
