"""Documents, parsed and validated once and kept while they are in use."""

import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

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
from app.engine.deprecation import deprecated_parts, has_deprecations
from app.engine.errors import ClientError, RefusedDocumentError
from app.engine.limits import Limits, exceeded
from app.engine.merging import bounded
from app.settings import Settings

MOST_ERRORS = 10
"""Mistakes of a document that are named; one more ends the search for them."""

ABORTED = "Validation aborted."
"""What graphql-core says when validation would take it too long, rather than when it found too many mistakes."""
BYTES_OF_A_DOCUMENT = 6_500
BYTES_OF_A_TOKEN = 450
BYTES_OF_A_PLANNED_TOKEN = 580
"""What a parsed document takes in memory besides its text, and each of its plans, rounded up from what tracemalloc
says."""

MOST_PLANS = 8
"""Plans of one operation, for as many combinations of what its @skip and @include say. More are not planned."""


@dataclass(slots=True)
class KeptPlans:
    """What was compiled of an operation, by whoever runs it."""

    deciding: tuple[str, ...] | None = None
    """The variables that @skip and @include look at, once they are known."""
    by_variant: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    """By the values of these variables."""
    variables: Any = None
    """What reads the JSON of its variables, once that is made."""


@dataclass(frozen=True, slots=True)
class Operation:
    name: str | None
    kind: OperationType
    node: OperationDefinitionNode
    cost: OperationCost
    plans: KeptPlans = field(default_factory=KeptPlans)


@dataclass(frozen=True, slots=True, weakref_slot=True)
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


def fragments(node: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The fragments of a valid document, by name."""
    return {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}


def digest(text: str) -> str:
    """What a document is kept under: the SHA-256 of its text in UTF-8, in 64 hexadecimal digits of lower case."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def weight(text: str, node: DocumentNode) -> int:
    """The bytes that a parsed document and its plans take in memory at most, about."""
    plans = MOST_PLANS if "@skip" in text or "@include" in text else 1
    tokens, token = 0, node.loc and node.loc.start_token
    while token:
        tokens, token = tokens + 1, token.next
    # The text twice: whole, and in the values of its tokens.
    return (
        BYTES_OF_A_DOCUMENT + (BYTES_OF_A_TOKEN + plans * BYTES_OF_A_PLANNED_TOKEN) * tokens + 2 * sys.getsizeof(text)
    )


@dataclass(frozen=True, slots=True)
class DocumentUse:
    """How many documents were parsed so far, how many are kept, and the bytes that these take."""

    read: int
    kept: int
    kept_bytes: int


class Documents:
    """The documents of one schema: those in use, bounded by the bytes that they take, and those that are pinned."""

    def __init__(self, schema: GraphQLSchema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._limits = Limits(settings)
        merging = bounded(settings.max_field_comparisons)
        self._rules = [merging if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules]
        if not settings.introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._pinned: dict[str, Document] = {}
        self._kept: OrderedDict[str, tuple[Document, int]] = OrderedDict()
        """By their texts: most are asked for so, and to look up a text takes less than to digest it."""
        self._texts: dict[str, str] = {}
        """The texts of all of them, by their digests."""
        self._kept_bytes = 0
        self._read_so_far = 0
        self._has_deprecations = has_deprecations(schema)

    def get(self, text: str) -> Document:
        """The document of this text.

        Raises RefusedDocumentError when it does not parse, is larger than is allowed, or does not fit the schema.
        """
        document = self._known(text)
        if document is None:
            document = self._read(text)
            self._keep(text, document, weight(text, document.node))
        return document

    def use(self) -> DocumentUse:
        """What they take just now."""
        return DocumentUse(self._read_so_far, len(self._kept), self._kept_bytes)

    def kept(self, key: str) -> Document | None:
        """The document whose text has this digest, if it is still here."""
        text = self._texts.get(key)
        return None if text is None else self._known(text)

    def pin(self, text: str) -> None:
        """Reads a document and keeps it for good, beside the others and their bound. Raises RefusedDocumentError."""
        self._pinned[text] = self._read(text)
        self._texts[digest(text)] = text

    def _known(self, text: str) -> Document | None:
        found = self._kept.get(text)
        if found is None:
            return self._pinned.get(text)
        self._kept.move_to_end(text)
        return found[0]

    def _read(self, text: str) -> Document:
        self._read_so_far += 1
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
        costing = Costing(self._schema, self._settings, fragments(node))
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                name = definition.name.value if definition.name else None
                operations[name] = Operation(name, definition.operation, definition, costing.operation(definition))
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

    def _keep(self, text: str, document: Document, size: int) -> None:
        if size > self._settings.max_kept_document_bytes // 10:
            return
        self._kept[text] = document, size
        self._texts[digest(text)] = text
        self._kept_bytes += size
        while self._kept_bytes > self._settings.max_kept_document_bytes:
            forgotten, (_, freed) = self._kept.popitem(last=False)
            del self._texts[digest(forgotten)]
            self._kept_bytes -= freed
