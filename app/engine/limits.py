"""How large a document and its variables may be: counted before anything that could take long looks at them.

Everything here is linear in the text. A fragment is counted once, and what it holds is added wherever it is spread.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    StringValueNode,
    ValueNode,
)

from app.engine.errors import RefusedDocumentError
from app.settings import Settings

INTROSPECTION = ("__schema", "__type")
"""The fields that lead into the schema, where depth is counted anew."""

MOST_COUNTED = 1_000_000
"""Where counting stops: fragments can hold more than a number of JSON can say."""

COUNTED = {
    "depth": ("max_depth", "DEPTH_LIMIT_EXCEEDED", "levels of fields"),
    "introspection_depth": (
        "max_introspection_depth",
        "INTROSPECTION_DEPTH_LIMIT_EXCEEDED",
        "levels of introspection",
    ),
    "aliases": ("max_aliases", "ALIAS_LIMIT_EXCEEDED", "aliases"),
    "root_fields": ("max_root_fields", "ROOT_FIELD_LIMIT_EXCEEDED", "root fields"),
    "directives": ("max_directives", "DIRECTIVE_LIMIT_EXCEEDED", "directives"),
    "variables": ("max_variables", "VARIABLE_LIMIT_EXCEEDED", "variables"),
}
"""What is counted in each operation and fragment: its setting, its code, and what it is called."""

Definition = OperationDefinitionNode | FragmentDefinitionNode


@dataclass(slots=True)
class Spread:
    """A place where a fragment is spread."""

    name: str
    depth: int
    introspecting: bool
    at_root: bool


@dataclass(slots=True)
class Counts:
    """What a definition holds: alone at first, then with all that it spreads."""

    depth: int = 0
    introspection_depth: int = 0
    aliases: int = 0
    root_fields: int = 0
    fields: int = 0
    directives: int = 0
    variables: int = 0
    spreads: list[Spread] = field(default_factory=list)

    def add(self, other: "Counts", place: Spread) -> None:
        """Adds what a fragment holds where it is spread."""
        if place.introspecting:
            deeper = place.depth + max(other.depth, other.introspection_depth)
            self.introspection_depth = max(self.introspection_depth, deeper)
        else:
            self.depth = max(self.depth, place.depth + other.depth)
            self.introspection_depth = max(self.introspection_depth, other.introspection_depth)
        self.aliases = min(self.aliases + other.aliases, MOST_COUNTED)
        self.fields = min(self.fields + other.fields, MOST_COUNTED)
        self.directives = min(self.directives + other.directives, MOST_COUNTED)
        if place.at_root:
            self.root_fields = min(self.root_fields + other.root_fields, MOST_COUNTED)


class Limits:
    """The limits of one schema. Each method raises RefusedDocumentError: a code, the limit and what was counted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def demand_short_text(self, text: str) -> None:
        """Before a text is parsed: every error finds its line by going through the text."""
        self._demand("max_document_length", "DOCUMENT_LENGTH_LIMIT_EXCEEDED", "characters", len(text))
        lines = 1 + text.count("\n") + text.count("\r")
        self._demand("max_document_lines", "DOCUMENT_LINES_LIMIT_EXCEEDED", "lines", lines)

    def demand_small_document(self, document: DocumentNode) -> None:
        """Before a document is validated. It may still be wrong in every way."""
        fragments: dict[str, FragmentDefinitionNode] = {}
        operations: list[OperationDefinitionNode] = []
        for each in document.definitions:
            if isinstance(each, FragmentDefinitionNode):
                fragments.setdefault(each.name.value, each)
            elif isinstance(each, OperationDefinitionNode):
                operations.append(each)
        defined = sum(isinstance(each, FragmentDefinitionNode) for each in document.definitions)
        self._demand("max_operations", "OPERATION_LIMIT_EXCEEDED", "operations", len(operations))
        self._demand("max_fragments", "FRAGMENT_LIMIT_EXCEEDED", "fragments", defined)
        totals = _with_their_spreads({name: self._alone(each) for name, each in fragments.items()}, fragments)
        fields = 0
        definitions: list[Definition] = [*operations, *fragments.values()]
        for definition in definitions:
            if isinstance(definition, FragmentDefinitionNode):
                counts = totals[definition.name.value]
            else:
                counts = _total(self._alone(definition), totals)
                fields = min(fields + counts.fields, MOST_COUNTED)
            for name, (setting, code, what) in COUNTED.items():
                self._demand(setting, code, what, getattr(counts, name), definition)
        self._demand("max_fields", "FIELD_LIMIT_EXCEEDED", "fields, those of fragments included,", fields)

    def demand_small_variables(self, variables: dict[str, Any] | None) -> None:
        """Before the variables are made to fit their types."""
        if not variables:
            return
        values = depth = 0
        level: list[Any] = [variables]
        while level:
            depth += 1
            if depth > self._settings.max_json_depth:
                self._demand("max_json_depth", "VALUE_DEPTH_LIMIT_EXCEEDED", "levels of lists and objects", depth)
            for each in level:
                values += len(each)
                if isinstance(each, list) and len(each) > self._settings.max_list_items:
                    self._demand("max_list_items", "LIST_LIMIT_EXCEEDED", "items in a list", len(each))
            if values > self._settings.max_json_values:
                self._demand("max_json_values", "VALUE_LIMIT_EXCEEDED", "values in its variables", values)
            inner: list[Any] = []
            for each in level:
                self._go_into(each, inner)
            level = inner

    def _go_into(self, value: Any, inner: list[Any]) -> None:
        """Adds the lists and objects in a list or object to the others, when its texts are short enough."""
        most = self._settings.max_string_length
        if isinstance(value, dict):
            for name in value:
                if len(name) > most:
                    self._demand_short(value)
            value = value.values()
        for each in value:
            if isinstance(each, str):
                if len(each) > most:
                    self._demand_short(value)
            elif isinstance(each, (list, dict)):
                inner.append(each)

    def _demand_short(self, values: Iterable[Any]) -> None:
        longest = max([len(each) for each in values if isinstance(each, str)])
        self._demand("max_string_length", "STRING_LIMIT_EXCEEDED", "characters in a text", longest)

    def _alone(self, definition: Definition) -> Counts:
        """What the definition holds by itself. Its spreads are noted, not followed."""
        counts = Counts(directives=len(definition.directives or ()))
        self._demand_small_arguments(definition.directives)
        for variable in definition.variable_definitions or ():
            counts.variables += 1
            counts.directives += len(variable.directives or ())
            self._demand_small_arguments(variable.directives)
            if variable.default_value is not None:
                self._demand_small_value(variable.default_value)
        in_schema = isinstance(definition, FragmentDefinitionNode) and definition.type_condition.name.value[:2] == "__"
        open_sets: list[tuple[Sequence[SelectionNode], int, bool, bool]] = [
            (definition.selection_set.selections, 0, in_schema, True)
        ]
        while open_sets:
            selections, depth, introspecting, at_root = open_sets.pop()
            for selection in selections:
                counts.directives += len(selection.directives or ())
                self._demand_small_arguments(selection.directives)
                if isinstance(selection, FieldNode):
                    begins = not introspecting and selection.name.value in INTROSPECTION
                    level = 1 if begins else depth + 1
                    self._count(counts, selection, level, introspecting or begins, at_root)
                    if selection.selection_set:
                        inner = selection.selection_set.selections
                        open_sets.append((inner, level, introspecting or begins, False))
                elif isinstance(selection, InlineFragmentNode):
                    open_sets.append((selection.selection_set.selections, depth, introspecting, at_root))
                elif isinstance(selection, FragmentSpreadNode):
                    counts.spreads.append(Spread(selection.name.value, depth, introspecting, at_root))
        return counts

    def _count(self, counts: Counts, node: FieldNode, level: int, introspecting: bool, at_root: bool) -> None:
        counts.fields += 1
        counts.aliases += node.alias is not None
        counts.root_fields += at_root
        if introspecting:
            counts.introspection_depth = max(counts.introspection_depth, level)
        else:
            counts.depth = max(counts.depth, level)
        for argument in node.arguments or ():
            self._demand_small_value(argument.value)

    def _demand_small_arguments(self, directives: Iterable[DirectiveNode] | None) -> None:
        for directive in directives or ():
            for argument in directive.arguments or ():
                self._demand_small_value(argument.value)

    def _demand_small_value(self, value: ValueNode) -> None:
        waiting: list[tuple[ValueNode, int]] = [(value, 1)]
        while waiting:
            value, depth = waiting.pop()
            if isinstance(value, StringValueNode):
                self._demand(
                    "max_string_length", "STRING_LIMIT_EXCEEDED", "characters in a text", len(value.value), value
                )
                continue
            if isinstance(value, ListValueNode):
                self._demand("max_list_items", "LIST_LIMIT_EXCEEDED", "items in a list", len(value.values), value)
                inner: Iterable[ValueNode] = value.values
            elif isinstance(value, ObjectValueNode):
                inner = [each.value for each in value.fields]
            else:
                continue
            self._demand("max_json_depth", "VALUE_DEPTH_LIMIT_EXCEEDED", "levels of lists and objects", depth, value)
            waiting.extend((each, depth + 1) for each in inner)

    def _demand(self, setting: str, code: str, what: str, actual: int, node: Node | None = None) -> None:
        limit = getattr(self._settings, setting)
        if actual > limit:
            raise exceeded(code, f"At most {limit} {what} are allowed, not {_said(actual)}.", limit, actual, node)


def exceeded(
    code: str, message: str, limit: int, actual: int | None, node: Node | None = None, **more: int
) -> RefusedDocumentError:
    """The refusal of what goes past a limit. `actual` is None when nobody counted to the end."""
    known = {"limit": limit} if actual is None else {"limit": limit, "actual": actual}
    return RefusedDocumentError([GraphQLError(message, node, extensions={**known, **more})], code)


def _with_their_spreads(alone: dict[str, Counts], fragments: dict[str, FragmentDefinitionNode]) -> dict[str, Counts]:
    """What each fragment holds, those it spreads counted first. Fragments in a circle are refused."""
    totals: dict[str, Counts] = {}
    for first in alone:
        path = {first: iter(alone[first].spreads)} if first not in totals else {}
        while path:
            name = next(reversed(path))
            for spread in path[name]:
                if spread.name in path:
                    raise _circle(fragments[spread.name])
                if spread.name in alone and spread.name not in totals:
                    path[spread.name] = iter(alone[spread.name].spreads)
                    break
            else:
                totals[name] = _total(alone[name], totals)
                del path[name]
    return totals


def _total(counts: Counts, totals: dict[str, Counts]) -> Counts:
    """Adds what is spread. Fragments that are not there add nothing: validation names them."""
    for spread in counts.spreads:
        if spread.name in totals:
            counts.add(totals[spread.name], spread)
    return counts


def _circle(fragment: FragmentDefinitionNode) -> RefusedDocumentError:
    message = f"Cannot spread fragment '{fragment.name.value}' within itself."
    return RefusedDocumentError([GraphQLError(message, fragment)], "GRAPHQL_VALIDATION_FAILED")


def _said(actual: int) -> str:
    return f"{MOST_COUNTED} or more" if actual >= MOST_COUNTED else str(actual)
