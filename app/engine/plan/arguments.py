"""Values of variables and arguments, by functions that are made once of the document.

They do what `get_variable_values` and `get_argument_values` of graphql-core do with what is ordinary, and then what
Strawberry does with it. Whatever is odd raises: then those have the word.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    is_required_argument,
    is_required_input_field,
    specified_scalar_types,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from strawberry.schema.config import StrawberryConfig
from strawberry.types.field import StrawberryField

from app.engine.plan.inputs import Convert, Converter, Converters, InputObject, Odd, Read, Readers, default_of

Coerced = Mapping[str, Any]
"""The variables' values, as graphql-core has them. What was left out and has no default is not among them."""

WorkedOut = Callable[[Coerced], Any]
"""Makes of the variables' values the value of a literal. Undefined when it is a variable that has none."""

Given = TypeVar("Given")
Made = TypeVar("Made")


def either(quick: Callable[[Given], Made], thorough: Callable[[Given], Made]) -> Callable[[Given], Made]:
    """What the first makes of a value or, when it raises, the second."""

    def made(given: Given) -> Made:
        try:
            return quick(given)
        except Exception:
            return thorough(given)

    return made


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same in every request."""

    value: Any

    def __call__(self, _: Coerced) -> Any:
        return self.value


class Values:
    """What makes the values of variables and arguments, for one schema."""

    def __init__(self, schema: GraphQLSchema, scalars: Any, config: StrawberryConfig) -> None:
        """The scalars are the Strawberry schema's registry."""
        self._schema = schema
        self._config = config
        self._readers = Readers()
        self._converters = Converters(scalars, config)

    def variables(self, declared: Collection[VariableDefinitionNode]) -> Callable[[Coerced], VariableValues]:
        """Reads the JSON of an operation's variables, which must not nest deeper than graphql-core takes it."""
        steps = [self._variable(each) for each in declared]

        def variables(given: Coerced) -> VariableValues:
            sources, coerced = {}, {}
            for name, signature, read, default in steps:
                value = given.get(name, Undefined)
                sources[name] = VariableValueSource(signature, value)
                if value is not Undefined:
                    coerced[name] = read(value)
                elif default is not None:
                    coerced[name] = default({})
                elif isinstance(signature.type, GraphQLNonNull):
                    raise Odd
            return VariableValues(sources, coerced)

        return variables

    def _variable(self, node: VariableDefinitionNode) -> tuple[str, GraphQLVariableSignature, Read, WorkedOut | None]:
        signature = get_variable_signature(self._schema, node)
        if not isinstance(signature, GraphQLVariableSignature):
            raise Odd
        default = self._literal(signature.type, node.default_value) if node.default_value else None
        return signature.name, signature, self._readers.of(signature.type), default

    def arguments(
        self, field: GraphQLField, definition: StrawberryField, given: Mapping[str, ValueNode]
    ) -> Callable[[VariableValues], dict[str, Any]]:
        """Makes the arguments of a field as its resolver takes them."""
        fixed: dict[str, Any] = {}
        steps: list[tuple[str, WorkedOut, Convert | None]] = []
        for argument in definition.arguments:
            name = self._config.name_converter.from_argument(argument)
            declared, node = field.args[name], given.get(name)
            if node is None and default_of(declared) is Undefined:
                continue
            convert = self._converters.of(argument.type)
            if isinstance(node, ObjectValueNode):
                steps.append((argument.python_name, self._made(declared.type, convert, node), None))
                continue
            value = self._argument(declared, node)
            if isinstance(value, Constant) and (convert is None or value.value is None):
                fixed[argument.python_name] = value.value
            else:
                steps.append((argument.python_name, value, convert))

        def arguments(variables: VariableValues) -> dict[str, Any]:
            made, coerced = fixed.copy(), variables.coerced
            for name, value_of, convert in steps:
                value = value_of(coerced)
                if value is not Undefined:
                    made[name] = convert(value) if convert else value
            return made

        return arguments

    def _argument(self, declared: GraphQLArgument, node: ValueNode | None) -> WorkedOut:
        default = default_of(declared)
        if node is None:
            return Constant(default)
        value_of = self._literal(declared.type, node)
        if not isinstance(node, VariableNode):
            return value_of
        required = is_required_argument(declared)

        def value_or_default(coerced: Coerced) -> Any:
            value = value_of(coerced)
            if value is not Undefined:
                return value
            if required:
                raise Odd
            return default

        return value_or_default

    def _made(self, kind: GraphQLInputType, convert: Convert | None, node: ValueNode) -> WorkedOut:
        """What a resolver takes for a literal: an object in one step, if nothing is special about its type."""
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if (
            isinstance(node, ObjectValueNode)
            and isinstance(convert, Converter)
            and isinstance(inner, GraphQLInputObjectType)
            and not inner.is_one_of
            and inner.out_type is GraphQLInputObjectType.out_type
        ):
            return self._object_made(inner, convert, node)
        return _converted(self._literal(kind, node), convert)

    def _object_made(self, of: GraphQLInputObjectType, converter: Converter, node: ObjectValueNode) -> WorkedOut:
        given = {each.name.value: each.value for each in node.fields}
        if not given.keys() <= of.fields.keys():
            raise Odd
        steps: list[tuple[str, WorkedOut, WorkedOut]] = []
        for name, field in of.fields.items():
            python_name, convert = converter.fields[name]
            default, required = default_of(field), is_required_input_field(field)
            missing = _refused if required else _converted(Constant(default), convert)
            if name in given:
                steps.append((python_name, self._made(field.type, convert, given[name]), missing))
            elif required or default is not Undefined:
                steps.append((python_name, missing, missing))
        kind, implicit = converter.kind, converter.implicit

        def made(coerced: Coerced) -> Any:
            values: dict[str, Any] = dict(implicit)
            for name, value_of, missing in steps:
                value = value_of(coerced)
                if value is Undefined:
                    value = missing(coerced)
                if value is not Undefined:
                    values[name] = value
            return kind(**values)

        return made

    def _literal(self, kind: GraphQLInputType, node: ValueNode) -> WorkedOut:
        if isinstance(node, VariableNode):
            return _variable(node.name.value, isinstance(kind, GraphQLNonNull), Undefined)
        inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(node, NullValueNode):
            if inner is not kind:
                raise Odd
            return Constant(None)
        if isinstance(inner, GraphQLList):
            nodes = node.values if isinstance(node, ListValueNode) else (node,)
            return _list([self._item(inner.of_type, each) for each in nodes])
        if isinstance(inner, GraphQLInputObjectType):
            return self._object(self._readers.object(inner), node)
        return _leaf(inner, node)

    def _item(self, kind: GraphQLInputType, node: ValueNode) -> WorkedOut:
        if isinstance(node, VariableNode):
            return _variable(node.name.value, isinstance(kind, GraphQLNonNull), None)
        return self._literal(kind, node)

    def _object(self, of: InputObject, node: ValueNode) -> WorkedOut:
        if not isinstance(node, ObjectValueNode):
            raise Odd
        fields = of.kind.fields
        given = {each.name.value: each.value for each in node.fields}
        if not given.keys() <= fields.keys():
            raise Odd
        entries = [(name, self._literal(fields[name].type, value)) for name, value in given.items()]

        def entered(coerced: Coerced) -> Any:
            values = {}
            for name, value_of in entries:
                value = value_of(coerced)
                if value is not Undefined:
                    values[name] = value
            return of.completed(values, len(entries))

        return entered


def _variable(name: str, required: bool, missing: Any) -> WorkedOut:
    """A variable in a place that may require a value. In a list, null stands for one that is missing."""
    if not required:
        return lambda coerced: coerced.get(name, missing)

    def not_null(coerced: Coerced) -> Any:
        value = coerced.get(name, missing)
        if value is None:
            raise Odd
        return value

    return not_null


def _converted(value_of: WorkedOut, convert: Convert | None) -> WorkedOut:
    if convert is None:
        return value_of

    def converted(coerced: Coerced) -> Any:
        value = value_of(coerced)
        return value if value is Undefined else convert(value)

    return converted


def _refused(_: Coerced) -> Any:
    raise Odd


def _list(items: list[WorkedOut]) -> WorkedOut:
    return lambda coerced: [value_of(coerced) for value_of in items]


def _leaf(kind: Any, node: ValueNode) -> WorkedOut:
    """Only what is known never to change is worked out once."""
    if kind.coerce_input_literal is None:
        return lambda coerced: kind.parse_literal(node, coerced)
    if isinstance(node, ListValueNode | ObjectValueNode):
        raise Odd
    if isinstance(kind, GraphQLEnumType) or kind in specified_scalar_types.values():
        return Constant(kind.coerce_input_literal(node))
    return lambda _: kind.coerce_input_literal(node)
