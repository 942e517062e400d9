"""Documents, parsed and validated once and kept while they are in use."""

from collections import OrderedDict
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    parse,
    specified_rules,
    validate,
)

from app.engine.cost import Costing, OperationCost
from app.engine.errors import ClientError, RefusedDocumentError
from app.engine.limits import Limits, exceeded
from app.engine.merging import bounded
from app.settings import Settings

MOST_ERRORS = 10
"""Mistakes of a document that are named; one more ends the search for them."""

ABORTED = "Validation aborted."
"""What graphql-core says when validation would take it too long, rather than when it found too many mistakes."""


@dataclass(frozen=True, slots=True)
class Operation:
    name: str | None
    kind: OperationType
    node: OperationDefinitionNode
    cost: OperationCost


@dataclass(frozen=True, slots=True)
class Document:
    node: DocumentNode
    operations: dict[str | None, Operation]

    def operation(self, name: str | None) -> Operation:
        """The operation to run. Raises ClientError when the name does not say which."""
        if name is None and len(self.operations) > 1:
            raise ClientError("The document has several operations: say which in `operationName`.", "BAD_REQUEST", 400)
        operation = next(iter(self.operations.values())) if name is None else self.operations.get(name)
        if operation is None:
            raise ClientError("The document has no operation of this name.", "BAD_REQUEST", 400)
        return operation


class Documents:
    """The documents of one schema, bounded by the bytes of their text."""

    def __init__(self, schema: GraphQLSchema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._limits = Limits(settings)
        merging = bounded(settings.max_field_comparisons)
        self._rules = [merging if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules]
        if not settings.introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._kept_bytes = 0

    def get(self, text: str) -> Document:
        """The document of this text.

        Raises RefusedDocumentError when it does not parse, is larger than is allowed, or does not fit the schema.
        """
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
            return document
        document = self._read(text)
        self._keep(text, document)
        return document

    def _read(self, text: str) -> Document:
        self._limits.demand_short_text(text)
        node = self._parsed(text)
        self._limits.demand_small_document(node)
        errors = validate(
            self._schema,
            node,
            self._rules,
            max_errors=MOST_ERRORS,
            hide_suggestions=not self._settings.introspection,
        )
        if errors and errors[-1].message == ABORTED:
            most = self._settings.max_field_comparisons
            message = "Too many fields have the same name, or fragments nest too deep: validation would take too long."
            raise exceeded("FIELD_COMPARISON_LIMIT_EXCEEDED", message, most, None)
        if errors:
            raise RefusedDocumentError(errors, "GRAPHQL_VALIDATION_FAILED")
        operations = {}
        fragments = {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}
        costing = Costing(self._schema, self._settings, fragments)
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                name = definition.name.value if definition.name else None
                operations[name] = Operation(name, definition.operation, definition, costing.operation(definition))
        return Document(node, operations)

    def _parsed(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_tokens=self._settings.max_tokens)
        except GraphQLError as error:
            raise RefusedDocumentError([error], "GRAPHQL_PARSE_FAILED") from None
        except RecursionError:
            too_deep = GraphQLError("The document is nested too deep.")
            raise RefusedDocumentError([too_deep], "GRAPHQL_PARSE_FAILED") from None

    def _keep(self, text: str, document: Document) -> None:
        size = len(text.encode())
        if size > self._settings.max_kept_document_bytes // 10:
            return
        self._kept[text] = document
        self._kept_bytes += size
        while self._kept_bytes > self._settings.max_kept_document_bytes:
            oldest, _ = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.encode())
