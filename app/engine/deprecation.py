"""Finds what a document uses of the deprecated parts of a schema."""

from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    GraphQLSchema,
    ObjectFieldNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_object_type,
    visit,
)


def has_deprecations(schema: GraphQLSchema) -> bool:
    """Whether there is anything to be found at all."""
    return any(_is_deprecated(part) for kind in schema.type_map.values() for part in _parts(kind))


def deprecated_parts(schema: GraphQLSchema, document: DocumentNode) -> tuple[str, ...]:
    """The schema coordinates of deprecated fields, arguments, input fields and enum values, each once, sorted.

    The document must be valid. Values in variables are not looked at.
    """
    types = TypeInfo(schema)
    finder = _Finder(types)
    visit(document, TypeInfoVisitor(types, finder))
    return tuple(sorted(finder.found))


class _Finder(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.found: set[str] = set()
        self._field = ""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self._field = f"{self._types.get_parent_type()}.{node.name.value}"
        self._note(self._types.get_field_def(), self._field)

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        # The arguments of a field are visited before the fields below it.
        directive = self._types.get_directive()
        place = self._field if directive is None else f"@{directive.name}"
        self._note(self._types.get_argument(), f"{place}({node.name.value}:)")

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        parent = get_named_type(self._types.get_parent_input_type())
        if is_input_object_type(parent):
            self._note(parent.fields.get(node.name.value), f"{parent.name}.{node.name.value}")

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
        kind = get_named_type(self._types.get_input_type())
        self._note(self._types.get_enum_value(), f"{kind}.{node.value}")

    def _note(self, part: Any, coordinate: str) -> None:
        if _is_deprecated(part):
            self.found.add(coordinate)


def _parts(kind: Any) -> list[Any]:
    if is_object_type(kind) or is_interface_type(kind):
        return [part for field in kind.fields.values() for part in (field, *field.args.values())]
    if is_input_object_type(kind):
        return list(kind.fields.values())
    return list(kind.values.values()) if is_enum_type(kind) else []


def _is_deprecated(part: Any) -> bool:
    return part is not None and part.deprecation_reason is not None
