"""Compiles a validated query to a plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    is_leaf_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language import Visitor, visit
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from app.engine.plan.arguments import Values, either
from app.engine.plan.inputs import Odd
from app.engine.plan.running import Arguments, Asking, Awaited, Batched, Columns, Plan, Region, Single
from app.engine.plan.selecting import Selecting
from app.engine.plan.writing import Shortcut, Writer

DEFINITION = "strawberry-definition"

TYPENAME = "__typename"


class Uncovered(Exception):  # noqa: N818
    """The query has something that plans do not cover: {0}."""

    def __init__(self, what: str) -> None:
        super().__init__(str(self.__doc__).format(what))
        self.what = what


@dataclass(frozen=True, slots=True)
class Grounds:
    """What all plans of a schema are compiled from."""

    schema: GraphQLSchema
    scalars: Any
    """The Strawberry schema's registry of scalars."""
    config: StrawberryConfig
    values: Values
    shortcuts: Mapping[str, Shortcut]


def compiled(
    grounds: Grounds, document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]
) -> Plan:
    """The plan of a query, for these values of the variables that decide what it selects. Raises Uncovered."""
    if operation.operation is not OperationType.QUERY:
        raise Uncovered(operation.operation.value)
    return _Compiler(grounds, Selecting(grounds.schema, document, variables)).plan(operation)


class _Compiler:
    def __init__(self, grounds: Grounds, selecting: Selecting) -> None:
        self._grounds = grounds
        self._selecting = selecting
        self._numbers = count()

    def plan(self, operation: OperationDefinitionNode) -> Plan:
        root = self._grounds.schema.query_type
        assert root is not None
        fixed: dict[str, Any] = {}
        fields = []
        for key, nodes in self._selecting.fields(root, [operation.selection_set]).items():
            if nodes[0].name.value == TYPENAME:
                fixed[key] = root.name
            else:
                fixed[key] = None
                fields.append(self._awaited(key, root, nodes))
        return Plan(fields, fixed)

    def _awaited(self, key: str, parent: GraphQLObjectType, nodes: list[FieldNode]) -> Awaited:
        """A field that is awaited, with all beneath it."""
        field = _field(parent, nodes[0])
        definition = _definition(field)
        region = self._region(field.type, nodes)
        number = next(self._numbers)
        arguments = self._arguments(field, definition, nodes[0])
        if "batch" in definition.metadata:
            return Batched(number, key, region, arguments, definition.metadata["batch"])
        return Single(number, key, region, arguments, _resolver(definition))

    def _region(self, kind: GraphQLOutputType, nodes: list[FieldNode]) -> Region:
        writer = _RegionWriter(self._grounds, self._selecting)
        complete, awaited = writer.written(kind, nodes)
        return Region(complete, [self._awaited(*each) for each in awaited], writer.columns)

    def _arguments(self, field: GraphQLField, definition: StrawberryField, node: FieldNode) -> Arguments:
        """The field's arguments, worked out once when no variable is among them."""

        grounds = self._grounds

        def arguments(variables: VariableValues) -> dict[str, Any]:
            given = get_argument_values(field, node, variables)
            return convert_arguments(
                given, definition.arguments, scalar_registry=grounds.scalars, config=grounds.config, info=None
            )

        if not field.args:
            return _no_arguments
        if node.arguments and _has_variables(node):
            given = {each.name.value: each.value for each in node.arguments}
            try:
                return either(grounds.values.arguments(field, definition, given), arguments)
            except Odd:
                return arguments
        fixed = arguments(VariableValues({}, {}))
        return lambda _: fixed


class _RegionWriter:
    """Writes the function of one region, and notes the awaited fields at its ends."""

    def __init__(self, grounds: Grounds, selecting: Selecting) -> None:
        self.columns = Columns()
        self._schema = grounds.schema
        self._selecting = selecting
        self._default = grounds.config.default_resolver
        self._writer = Writer(grounds.shortcuts)
        self._awaited: list[tuple[str, GraphQLObjectType, list[FieldNode]]] = []

    def written(
        self, kind: GraphQLOutputType, nodes: list[FieldNode]
    ) -> tuple[Callable[..., Any], list[tuple[str, GraphQLObjectType, list[FieldNode]]]]:
        done = self._value(kind, "value", nodes, 2)
        self._writer.line(2, f"done.append({done})")
        ends = range(len(self._awaited))
        before = [f"needed{end} = []; objects{end} = []" for end in ends]
        missing = ", ".join(f"(needed{end}, objects{end})" for end in ends)
        complete = self._writer.function(
            "complete", "values", [*before, "done = []", "for value in values:"], [f"return done, [{missing}]"]
        )
        return complete, self._awaited

    def _value(self, kind: GraphQLOutputType, source: str, nodes: list[FieldNode], depth: int) -> str:
        """An expression for the completed variable `source`; the lines before it may be written to get there."""
        nullable = not isinstance(kind, GraphQLNonNull)
        inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        write = self._writer
        if is_leaf_type(inner):
            return write.leaf(inner, source, nullable)
        if not nullable:
            write.line(depth, f"if {source} is None: raise Surprise('null')")
            return self._present(inner, source, nodes, depth)
        found = write.new("found")
        write.line(depth, f"{found} = None")
        write.line(depth, f"if {source} is not None:")
        write.line(depth + 1, f"{found} = {self._present(inner, source, nodes, depth + 1)}")
        return found

    def _present(self, kind: Any, source: str, nodes: list[FieldNode], depth: int) -> str:
        """The same of a variable that is not None."""
        if isinstance(kind, GraphQLList):
            return self._list(kind.of_type, source, nodes, depth)
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, source, nodes, depth)
        assert isinstance(kind, GraphQLInterfaceType | GraphQLUnionType)
        return self._abstract(kind, source, nodes, depth)

    def _list(self, kind: GraphQLOutputType, source: str, nodes: list[FieldNode], depth: int) -> str:
        write = self._writer
        write.line(depth, f"if type({source}) is not list: raise Surprise('not a list')")
        named = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if is_leaf_type(named):
            return write.leaves(named, source, named is kind, depth)
        item, items = write.new("item"), write.new("items")
        write.line(depth, f"{items} = []")
        write.line(depth, f"for {item} in {source}:")
        write.line(depth + 1, f"{items}.append({self._value(kind, item, nodes, depth + 1)})")
        return items

    def _abstract(
        self, kind: GraphQLInterfaceType | GraphQLUnionType, source: str, nodes: list[FieldNode], depth: int
    ) -> str:
        write = self._writer
        if kind.resolve_type is None:
            raise Uncovered(f"the abstract type {kind.name}")
        name, found = write.new("kind"), write.new("found")
        write.line(depth, f"{name} = {write.named('resolve', kind.resolve_type)}({source}, None, None)")
        word = "if"
        for possible in self._schema.get_possible_types(kind):
            write.line(depth, f"{word} {name} == {possible.name!r}:")
            write.line(depth + 1, f"{found} = {self._object(possible, source, nodes, depth + 1)}")
            word = "elif"
        write.line(depth, "else: raise Surprise('no such type')")
        return found

    def _object(self, kind: GraphQLObjectType, source: str, nodes: list[FieldNode], depth: int) -> str:
        write = self._writer
        selected = self._selecting.fields(kind, [node.selection_set for node in nodes if node.selection_set])
        self._note_columns(kind, selected)
        read = self._read_attributes(kind, selected, source, depth)
        entries: list[str] = []
        ends: list[tuple[int, str]] = []
        for key, of_key in selected.items():
            if of_key[0].name.value == TYPENAME:
                entries.append(f"{key!r}: {kind.name!r}")
                continue
            field = _field(kind, of_key[0])
            definition = _definition(field)
            if _is_awaited(definition):
                ends.append((len(self._awaited), _needed(definition, source, read)))
                self._awaited.append((key, kind, of_key))
                entries.append(f"{key!r}: None")
            else:
                value = self._field_value(definition, source, read, depth)
                entries.append(f"{key!r}: {self._value(field.type, value, of_key, depth)}")
        made = write.new("made")
        write.line(depth, f"{made} = {{{', '.join(entries)}}}")
        for index, needed in ends:
            write.line(depth, f"needed{index}.append({needed}); objects{index}.append({made})")
        return made

    def _field_value(self, definition: StrawberryField, source: str, read: dict[str, str], depth: int) -> str:
        """A variable with what a field that is not awaited has for its value."""
        if definition.base_resolver is None:
            return read[definition.python_name]
        write = self._writer
        value = write.new("value")
        if "part" in definition.metadata:
            write.line(depth, f"{value} = {_part(source, definition.metadata['part'])}")
        else:
            write.line(depth, f"{value} = {write.named('resolve', _plain_resolver(definition))}({source})")
        return value

    def _note_columns(self, kind: GraphQLObjectType, selected: dict[str, list[FieldNode]]) -> None:
        self.columns.note(kind.name, frozenset())
        for nodes in selected.values():
            if nodes[0].name.value != TYPENAME:
                self.columns.note(kind.name, _columns(_definition(_field(kind, nodes[0]))))

    def _read_attributes(
        self, kind: GraphQLObjectType, selected: dict[str, list[FieldNode]], source: str, depth: int
    ) -> dict[str, str]:
        """Variables with what is read of the row by name, by the default resolver or as the key of a batch. The
        default resolver is asked where subscripts do not do."""
        write = self._writer
        definitions = [
            _definition(_field(kind, nodes[0])) for nodes in selected.values() if nodes[0].name.value != TYPENAME
        ]
        variables = {name: write.new("value") for name in dict.fromkeys(filter(None, map(_attribute, definitions)))}
        if variables:
            default = write.named("default", self._default)
            write.line(depth, "try:")
            if len(variables) > 1:
                pick = write.named("pick", itemgetter(*variables))
                write.line(depth + 1, f"{', '.join(variables.values())} = {pick}({source})")
            else:
                [(name, variable)] = variables.items()
                write.line(depth + 1, f"{variable} = {source}[{name!r}]")
            write.line(depth, "except (TypeError, KeyError):")
            for name, variable in variables.items():
                write.line(depth + 1, f"{variable} = {default}({source}, {name!r})")
        return variables


def _attribute(definition: StrawberryField) -> str | None:
    """The name by which the field reads its row, if it does so by name."""
    if definition.base_resolver is None:
        return definition.python_name
    key = definition.metadata.get("key")
    return key if isinstance(key, str) else None


def _needed(definition: StrawberryField, source: str, read: dict[str, str]) -> str:
    """What an awaited field needs of its row: a key for its batch, or the row itself."""
    key = definition.metadata.get("key")
    if key is None:
        return source
    return read[key] if isinstance(key, str) else _part(source, key)


def _part(source: str, path: tuple[str | int, ...]) -> str:
    return source + "".join(f"[{step!r}]" for step in path)


def _field(parent: GraphQLObjectType, node: FieldNode) -> GraphQLField:
    field: GraphQLField | None = parent.fields.get(node.name.value)
    if field is None:
        raise Uncovered(node.name.value)  # Introspection.
    return field


def _definition(field: GraphQLField) -> StrawberryField:
    definition = field.extensions.get(DEFINITION)
    if not isinstance(definition, StrawberryField) or definition.permission_classes or definition.extensions:
        raise Uncovered("a field with extensions or permissions of its own")
    return definition


def _columns(definition: StrawberryField) -> frozenset[str] | None:
    """What the field reads of its row, if it says so."""
    if definition.base_resolver is None:
        return frozenset((definition.python_name,))
    read = definition.metadata.get("reads")
    return None if read is None else frozenset(read)


def _is_awaited(definition: StrawberryField) -> bool:
    resolver = definition.base_resolver
    return "batch" in definition.metadata or (resolver is not None and resolver.is_async)


def _plain_resolver(definition: StrawberryField) -> Callable[[Any], Any]:
    resolver = definition.base_resolver
    assert resolver is not None
    if definition.arguments or resolver.info_parameter or not resolver.self_parameter:
        raise Uncovered("a field that is resolved row by row, with arguments")
    function: Any = resolver.wrapped_func
    return function  # type: ignore[no-any-return]


def _resolver(definition: StrawberryField) -> Callable[[Any, Asking, dict[str, Any]], Any]:
    """The resolver of a field that is awaited once for each row."""
    resolver = definition.base_resolver
    if resolver is None or not resolver.is_async or resolver.root_parameter or resolver.parent_parameter:
        raise Uncovered("a root field without a coroutine of its own")
    function: Any = resolver.wrapped_func
    takes_row = resolver.self_parameter is not None
    info = resolver.info_parameter.name if resolver.info_parameter else None

    def resolve(row: Any, asking: Asking, arguments: dict[str, Any]) -> Any:
        given = {**arguments, info: asking} if info else arguments
        return function(row, **given) if takes_row else function(**given)

    return resolve


def _has_variables(node: FieldNode) -> bool:
    class Finding(Visitor):
        found = False

        def enter_variable(self, _: VariableNode, *__: Any) -> None:
            self.found = True

    finding = Finding()
    for argument in node.arguments or ():
        visit(argument, finding)
    return finding.found


def _no_arguments(_: VariableValues) -> dict[str, Any]:
    return {}
