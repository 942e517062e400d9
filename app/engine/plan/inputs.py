"""Values of input types, by functions that are made once of the types.

They do what is ordinary, in two steps: `coerce_input_value` of graphql-core, then `convert_argument` of Strawberry.
Whatever is odd raises: then those have the word, whether there is a value or what is wrong.
"""

from collections.abc import Callable
from dataclasses import MISSING
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
    is_required_input_field,
)
from strawberry import UNSET
from strawberry.relay import GlobalID
from strawberry.schema.compat import is_scalar
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    get_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType

Read = Callable[[Any], Any]
"""Makes of JSON a value as graphql-core has it."""

Convert = Callable[[Any], Any]
"""Makes of a value as graphql-core has it what a resolver takes. Lists and objects are made anew."""


class Odd(Exception):  # noqa: N818
    """Something that is left to graphql-core and Strawberry."""


class Readers:
    """What reads the JSON of each type."""

    def __init__(self) -> None:
        self._objects: dict[str, InputObject] = {}

    def of(self, kind: GraphQLInputType) -> Read:
        """Raises Odd or anything else for what is not as the type says."""
        if isinstance(kind, GraphQLNonNull):
            return _not_null(self._of_present(kind.of_type))
        read = self._of_present(kind)
        return lambda value: None if value is None else read(value)

    def object(self, kind: GraphQLInputObjectType) -> "InputObject":
        if kind.name not in self._objects:
            self._objects[kind.name] = InputObject(kind, self)
        return self._objects[kind.name]

    def _of_present(self, kind: Any) -> Read:
        if isinstance(kind, GraphQLList):
            return _read_list(self.of(kind.of_type))
        if isinstance(kind, GraphQLInputObjectType):
            return self.object(kind).read
        if isinstance(kind, GraphQLEnumType):
            return {name: kind.coerce_input_value(name) for name in kind.values}.__getitem__
        read: Read = kind.coerce_input_value
        return read


class InputObject:
    """An input type with its fields. What they are is found out when it is wanted: types hold each other."""

    def __init__(self, kind: GraphQLInputObjectType, readers: Readers) -> None:
        self.kind = kind
        self._readers = readers

    def read(self, value: Any) -> Any:
        """The object of this JSON."""
        if type(value) is not dict:
            raise Odd
        readers = self._fields
        return self.completed({name: readers[name](each) for name, each in value.items()}, len(value))

    def completed(self, values: dict[str, Any], given: int) -> Any:
        """The object of these values, of fields that were given, and of the defaults of the others.

        `given` is how many fields were written, even if a variable among them has no value.
        """
        if not self._required <= values.keys():
            raise Odd
        whole = {**self._defaults, **values}
        if self.kind.is_one_of and (given != 1 or len(whole) != 1 or None in whole.values()):
            raise Odd
        return self.kind.out_type(whole)

    @cached_property
    def _fields(self) -> dict[str, Read]:
        return {name: self._readers.of(each.type) for name, each in self.kind.fields.items()}

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        defaults = {name: default_of(each) for name, each in self.kind.fields.items()}
        return {name: default for name, default in defaults.items() if default is not Undefined}

    @cached_property
    def _required(self) -> frozenset[str]:
        return frozenset(name for name, each in self.kind.fields.items() if is_required_input_field(each))


def default_of(declared: GraphQLArgument | GraphQLInputField) -> Any:
    """The default, as Strawberry gives it to graphql-core. Undefined when there is none."""
    if declared.default is not None:
        raise Odd
    return declared.default_value


class Converters:
    """What makes of each Strawberry type's values what resolvers take."""

    def __init__(self, scalars: Any, config: StrawberryConfig) -> None:
        """The scalars are the Strawberry schema's registry."""
        self.config = config
        self._scalars = scalars
        self._objects: dict[type, Converter] = {}

    def of(self, kind: Any) -> Convert | None:
        """None for what resolvers take as it is. Raises Odd for a type of a kind that is not known here."""
        if isinstance(kind, StrawberryMaybe) or kind is GlobalID:
            raise Odd
        if isinstance(kind, StrawberryOptional):
            return self.of(kind.of_type)
        if isinstance(kind, LazyType):
            return self.of(kind.resolve_type())
        if isinstance(kind, StrawberryList):
            return _convert_list(self.of(kind.of_type))
        if is_scalar(kind, self._scalars) or isinstance(kind, StrawberryEnumDefinition) or has_enum_definition(kind):
            return None
        definition = get_object_definition(kind)
        if definition is None or not definition.is_input or definition.from_input is not None:
            raise Odd
        if kind not in self._objects:
            self._objects[kind] = Converter(kind, definition, self)
        return self._objects[kind]


class Converter:
    """Makes objects of an input type's class."""

    def __init__(self, kind: type, definition: StrawberryObjectDefinition, converters: Converters) -> None:
        self.kind = kind
        self._definition = definition
        self._converters = converters

    def __call__(self, value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        made, fields = dict(self.implicit), self.fields
        for name, each in value.items():
            python_name, convert = fields[name]
            made[python_name] = convert(each) if convert else each
        return self.kind(**made)

    @cached_property
    def fields(self) -> dict[str, tuple[str, Convert | None]]:
        """By the names that clients write, the names and types in Python."""
        name_of = self._converters.config.name_converter.from_field
        return {
            name_of(each): (each.python_name, self._converters.of(each.resolve_type(type_definition=self._definition)))
            for each in self._definition.fields
        }

    @cached_property
    def implicit(self) -> dict[str, None]:
        """Fields that may be left out though Python knows no default of them."""
        fields = self._definition.fields
        return {e.python_name: None for e in fields if e.default_value is MISSING and e.default_factory is MISSING}


def _not_null(read: Read) -> Read:
    def not_null(value: Any) -> Any:
        if value is None:
            raise Odd
        return read(value)

    return not_null


def _read_list(read: Read) -> Read:
    def items(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Odd
        return [read(each) for each in value]

    return items


def _convert_list(convert: Convert | None) -> Convert:
    def items(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        return [convert(each) for each in value] if convert else list(value)

    return items
