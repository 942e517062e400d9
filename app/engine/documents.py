"""Documents, parsed and validated once and kept while they are in use."""

from collections import OrderedDict
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from app.engine.deprecation import deprecated_parts, has_deprecations
from app.engine.errors import ClientError, RefusedDocumentError
from app.settings import Settings

MOST_ERRORS = 20
"""Mistakes of a document that are named; one more ends the search for them."""


@dataclass(frozen=True, slots=True)
class Operation:
    name: str | None
    kind: OperationType
    node: OperationDefinitionNode


@dataclass(frozen=True, slots=True)
class Document:
    node: DocumentNode
    operations: dict[str | None, Operation]
    deprecated: tuple[str, ...] = ()
    """What it uses of the deprecated parts of the schema."""

    def operation(self, name: str | None) -> Operation:
        """The operation to run. Raises ClientError when the name does not say which."""
        if name is None and len(self.operations) > 1:
            raise ClientError("The document has several operations: say which in `operationName`.", "BAD_REQUEST", 400)
        operation = next(iter(self.operations.values())) if name is None else self.operations.get(name)
        if operation is None:
            raise ClientError("The document has no operation of this name.", "BAD_REQUEST", 400)
        return operation


@dataclass(frozen=True, slots=True)
class DocumentUse:
    """How many documents were parsed so far, how many are kept, and the bytes that these take."""

    read: int
    kept: int
    kept_bytes: int


class Documents:
    """The documents of one schema, bounded by the bytes of their text."""

    def __init__(self, schema: GraphQLSchema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._rules = [*specified_rules, *([] if settings.introspection else [NoSchemaIntrospectionCustomRule])]
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._kept_bytes = 0
        self._read_so_far = 0
        self._has_deprecations = has_deprecations(schema)

    def get(self, text: str) -> Document:
        """The document of this text. Raises RefusedDocumentError when it does not parse or does not fit the schema."""
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
            return document
        document = self._read(text)
        self._keep(text, document)
        return document

    def use(self) -> DocumentUse:
        """What they take just now."""
        return DocumentUse(self._read_so_far, len(self._kept), self._kept_bytes)

    def _read(self, text: str) -> Document:
        self._read_so_far += 1
        node = self._parsed(text)
        errors = validate(
            self._schema,
            node,
            self._rules,
            max_errors=MOST_ERRORS,
            hide_suggestions=not self._settings.introspection,
        )
        if errors:
            raise RefusedDocumentError(errors, "GRAPHQL_VALIDATION_FAILED")
        operations = {}
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                name = definition.name.value if definition.name else None
                operations[name] = Operation(name, definition.operation, definition)
        deprecated = deprecated_parts(self._schema, node) if self._has_deprecations else ()
        return Document(node, operations, deprecated)

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
