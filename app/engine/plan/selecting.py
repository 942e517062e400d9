"""Which fields an operation selects of a type, with its fragments and conditions resolved."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from app.engine.documents import fragments

CONDITIONS = ("skip", "include")


class Selecting:
    """Collects the fields of one operation, for given values of the variables that its conditions use."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = fragments(document)

    def fields(self, kind: GraphQLObjectType, parents: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """By response key, in the order of the answer, every selection of it on this type."""
        found: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for parent in parents:
            self._collect(kind, parent, found, visited)
        return found

    def _collect(
        self, kind: GraphQLObjectType, parent: SelectionSetNode, found: dict[str, list[FieldNode]], visited: set[str]
    ) -> None:
        for node in parent.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._applies(node, kind):
                    self._collect(kind, node.selection_set, found, visited)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._applies(fragment, kind):
                    self._collect(kind, fragment.selection_set, found, visited)

    def _is_included(self, node: SelectionNode) -> bool:
        return all(
            self._condition(directive) is (directive.name.value == "include")
            for directive in node.directives or ()
            if directive.name.value in CONDITIONS
        )

    def _condition(self, directive: DirectiveNode) -> bool:
        [argument] = directive.arguments or ()
        value = argument.value
        found: bool = self._variables[value.name.value] if isinstance(value, VariableNode) else value.value  # type: ignore[attr-defined]
        return found

    def _applies(self, node: InlineFragmentNode | FragmentDefinitionNode, kind: GraphQLObjectType) -> bool:
        if node.type_condition is None:
            return True
        condition = self._schema.get_type(node.type_condition.name.value)
        if isinstance(condition, GraphQLInterfaceType | GraphQLUnionType):
            return self._schema.is_sub_type(condition, kind)
        return condition is kind


def deciding_variables(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """The variables whose values decide which fields the operation selects."""
    known = fragments(document)
    found: dict[str, None] = {}
    waiting: list[SelectionSetNode] = [operation.selection_set]
    seen: set[str] = set()
    while waiting:
        for node in waiting.pop().selections:
            found |= dict.fromkeys(_variables_of(node))
            if isinstance(node, FragmentSpreadNode):
                if node.name.value not in seen:
                    seen.add(node.name.value)
                    waiting.append(known[node.name.value].selection_set)
            elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                waiting.append(node.selection_set)
    return tuple(found)


def _variables_of(node: Node) -> Iterator[str]:
    for directive in getattr(node, "directives", None) or ():
        if directive.name.value in CONDITIONS:
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    yield argument.value.name.value
