"""What an operation may cost: how many objects it may return at most.

An object costs 1 and a scalar nothing. A page multiplies what is asked of each of its rows by its size, which is
`first` or `last`, or the default page; a list of `ids` by how many there are; a list that a mutation answers by the
longest that it was given; any other list by ASSUMED_LIST. A field of a mutation costs MUTATION more. Alternatives add
up, and so do fields that @skip or @include may leave out.

The document is gone through once. What is left are numbers, and the few sizes that depend on variables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    value_from_ast_untyped,
)

from app.settings import Settings

ASSUMED_LIST = 3
"""Objects in a list that is no page: nobody says how many there are, and there are few."""

MUTATION = 10
"""What a field of a mutation costs before its selection: it takes locks and writes."""

INTROSPECTION = 1_000
"""What `__schema` or `__type` costs, whatever is asked of it."""

PAGE_SIZES = ("first", "last")
ROWS = ("edges", "nodes")


@dataclass(frozen=True, slots=True)
class Page:
    """How many rows a page has at most: the largest of its sizes that is given, by number or by variable."""

    sizes: tuple[int | str, ...]
    default: int
    largest: int

    def of(self, variables: Mapping[str, Any]) -> int:
        largest = None
        for each in self.sizes:
            size = each if isinstance(each, int) else _whole(variables.get(each))
            if size is not None and (largest is None or size > largest):
                largest = size
        return self.default if largest is None else max(0, min(largest, self.largest))


@dataclass(frozen=True, slots=True)
class Length:
    """How many items a list has: those written out, or those of a variable."""

    items: int | str

    def of(self, variables: Mapping[str, Any]) -> int:
        if isinstance(self.items, int):
            return self.items
        value = variables.get(self.items)
        return len(value) if isinstance(value, list) else int(value is not None)


@dataclass(frozen=True, slots=True)
class Longest:
    """How long the lists are that a mutation answers: as the longest of those that it was given, by number or within a
    variable, and never shorter than any list."""

    lists: tuple[int | str, ...]

    def of(self, variables: Mapping[str, Any]) -> int:
        given = (each if isinstance(each, int) else _longest(variables.get(each)) for each in self.lists)
        return max(ASSUMED_LIST, *given, 0)


Size = Page | Length | Longest


@dataclass(frozen=True, slots=True)
class Cost:
    """A number, and what depends on variables."""

    fixed: int = 0
    varying: "tuple[Varying, ...]" = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        cost = self.fixed
        for each in self.varying:
            cost += each.size.of(variables) * each.cost.of(variables)
        return cost

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.fixed + other.fixed, self.varying + other.varying)

    def times(self, size: Size | int) -> "Cost":
        if isinstance(size, int):
            number = size
        elif _varies(size):
            return Cost(0, (Varying(size, self),)) if self != Cost() else self
        else:
            number = size.of({})
        return Cost(number * self.fixed, tuple(Varying(each.size, each.cost.times(number)) for each in self.varying))


@dataclass(frozen=True, slots=True)
class Varying:
    """A cost for each of so many."""

    size: Size
    cost: Cost


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection costs once, and what it costs for each row when it is made on a page."""

    once: Cost = Cost()
    by_row: Cost = Cost()

    def __add__(self, other: "Selected") -> "Selected":
        return Selected(self.once + other.once, self.by_row + other.by_row)


class Costing:
    """Finds the costs of the operations of one document. The document must be valid."""

    def __init__(
        self, schema: GraphQLSchema, settings: Settings, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._settings = settings
        self._fragments = fragments
        self._known: dict[str, Selected] = {}
        changes = schema.mutation_type.fields.values() if schema.mutation_type else ()
        self._answers = {get_named_type(each.type) for each in changes}
        """What mutations answer."""

    def operation(self, node: OperationDefinitionNode) -> "OperationCost":
        root = self._schema.get_root_type(node.operation)
        assert root is not None
        cost = self._selection(node.selection_set, root).once
        if node.operation is OperationType.MUTATION:
            cost += Cost(MUTATION * self._root_fields(node.selection_set))
        defaults = {
            each.variable.name.value: value_from_ast_untyped(each.default_value)
            for each in node.variable_definitions or ()
            if each.default_value is not None
        }
        return OperationCost(cost, defaults)

    def _selection(self, selection_set: SelectionSetNode, kind: Any) -> Selected:
        found = Selected()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                found += self._field(selection, kind)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                found += self._selection(
                    selection.selection_set, self._schema.get_type(condition.name.value) if condition else kind
                )
            elif isinstance(selection, FragmentSpreadNode):
                found += self._fragment(selection.name.value)
        return found

    def _fragment(self, name: str) -> Selected:
        known = self._known.get(name)
        if known is None:
            fragment = self._fragments[name]
            kind = self._schema.get_type(fragment.type_condition.name.value)
            known = self._known[name] = self._selection(fragment.selection_set, kind)
        return known

    def _field(self, node: FieldNode, parent: Any) -> Selected:
        name = node.name.value
        if name.startswith("__"):
            return Selected(Cost(0 if name == "__typename" else INTROSPECTION))
        field: GraphQLField = parent.fields[name]
        kind = get_named_type(field.type)
        if node.selection_set is None or not is_composite_type(kind):
            return Selected()
        inner = self._selection(node.selection_set, kind)
        each = Cost(1) + inner.once
        if is_connection(kind):
            each += inner.by_row.times(self._page(node, field))
        elif kind in self._answers:
            each += inner.by_row.times(_given(node))
        if isinstance(get_nullable_type(field.type), GraphQLList):
            # A row of a page, or of what a mutation answers: its number is known where that is asked for.
            if parent in self._answers or (name in ROWS and is_connection(parent)):
                return Selected(by_row=each)
            return Selected(each.times(self._length(node)))
        return Selected(each)

    def _page(self, node: FieldNode, field: GraphQLField) -> Page:
        arguments = [each for each in node.arguments or () if each.name.value in PAGE_SIZES]
        sizes = [_number_or_variable(each.value) for each in arguments]
        defaults = [_default(field.args[name]) for name in PAGE_SIZES if name in field.args]
        default = next((each for each in defaults if each is not None), self._settings.default_page)
        # No field gives more rows at once: it refuses.
        largest = max(self._settings.max_page, self._settings.max_member_page)
        return Page(tuple(each for each in sizes if each is not None), default, largest)

    def _length(self, node: FieldNode) -> Length | int:
        for argument in node.arguments or ():
            if argument.name.value == "ids":
                value = argument.value
                if isinstance(value, VariableNode):
                    return Length(value.name.value)
                return len(value.values) if isinstance(value, ListValueNode) else 1
        return ASSUMED_LIST

    def _root_fields(self, selection_set: SelectionSetNode) -> int:
        """Fields at the root, through fragments."""
        found = 0
        for selection in selection_set.selections:
            if isinstance(selection, InlineFragmentNode):
                found += self._root_fields(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                found += self._root_fields(self._fragments[selection.name.value].selection_set)
            else:
                found += 1
        return found


@dataclass(frozen=True, slots=True)
class OperationCost:
    """The cost of an operation, by its variables."""

    cost: Cost
    defaults: Mapping[str, Any]

    def of(self, variables: Mapping[str, Any] | None) -> int:
        """Never less than 1. Values that do not fit are counted as if they were not there: they are refused later."""
        if not self.cost.varying:
            return max(1, self.cost.fixed)
        return max(1, self.cost.of({**self.defaults, **(variables or {})}))


def is_connection(kind: Any) -> bool:
    """Whether the type is a page of something."""
    if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        return False
    return "pageInfo" in kind.fields and any(each in kind.fields for each in ROWS)


def _varies(size: Size) -> bool:
    """Whether it depends on variables."""
    parts = size.sizes if isinstance(size, Page) else size.lists if isinstance(size, Longest) else (size.items,)
    return any(isinstance(each, str) for each in parts)


def _given(node: FieldNode) -> Longest:
    """The lists in the arguments of a field, and in objects among them."""
    values = [each.value for each in node.arguments or ()]
    values += [inner.value for each in values if isinstance(each, ObjectValueNode) for inner in each.fields]
    lists: list[int | str] = [len(each.values) for each in values if isinstance(each, ListValueNode)]
    return Longest((*lists, *(each.name.value for each in values if isinstance(each, VariableNode))))


def _longest(value: Any) -> int:
    """The length of a list, or of the longest in an object."""
    values = value.values() if isinstance(value, dict) else (value,)
    return max((len(each) for each in values if isinstance(each, list)), default=0)


def _number_or_variable(value: ValueNode) -> int | str | None:
    if isinstance(value, VariableNode):
        return value.name.value
    if isinstance(value, NullValueNode):
        return None
    return int(value.value) if isinstance(value, IntValueNode) else None


def _default(argument: GraphQLArgument) -> int | None:
    """The size that the schema gives a page, in any of the ways in which it can."""
    default = argument.default
    if default is None:
        return _whole(argument.default_value)
    literal = default.literal
    return int(literal.value) if isinstance(literal, IntValueNode) else _whole(default.value)


def _whole(value: Any) -> int | None:
    """The number that GraphQL makes of a value of JSON where an Int is expected."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
