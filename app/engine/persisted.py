"""Which document a request means: by its text, by the hash of it, or by an id from a manifest.

Three dialects name a document without its text: `documentId` of the GraphQL-over-HTTP draft, `doc_id` of Relay, and
`extensions.persistedQuery` of Apollo's automatic persisted queries (APQ), whose clients send hash and text together
when the hash alone was not known.
"""

import logging
import re
from typing import Any

from app.engine import manifests
from app.engine.documents import Document, Documents, DocumentUse, digest
from app.engine.errors import ClientError, RefusedDocumentError, bad_request
from app.engine.requests import GraphQLRequest
from app.settings import Settings

log = logging.getLogger(__name__)

BY_HASH = "sha256:"
HASH = re.compile(r"[0-9a-f]{64}")


class PersistedDocuments:
    """Documents by text and by name. Those of the manifest are pinned; the others are here while they are in use."""

    def __init__(self, documents: Documents, settings: Settings) -> None:
        """Raises InvalidSettingsError when there is a manifest that cannot be read."""
        self._documents = documents
        self._mode = settings.persisted_documents
        self._trusted = manifests.read(settings.trusted_documents) if settings.trusted_documents else {}
        self._trusted_by_digest = {digest(text): text for text in self._trusted.values()}
        for name, text in self._trusted.items():
            self._pin(name, text)

    def use(self) -> DocumentUse:
        """What documents take just now."""
        return self._documents.use()

    def find(self, asked: GraphQLRequest) -> Document:
        """The document to run. Raises ClientError, or RefusedDocumentError when it is known and does not fit."""
        hash_ = _apollo_hash(asked.extensions) if asked.extensions else None
        if hash_ is None and asked.document_id is None:
            if asked.query is None:
                raise bad_request("`query` must be a string.")
            return self._of_text(asked.query)
        if self._mode == "off":
            raise ClientError("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
        if hash_ is None:
            assert asked.document_id is not None
            return self._of_id(asked.document_id, asked.query)
        if asked.document_id is not None:
            raise bad_request("Name the document by `documentId` or by `extensions.persistedQuery`, not by both.")
        return self._of_apollo_hash(hash_, asked.query)

    def _of_text(self, text: str) -> Document:
        if self._mode == "trusted-only" and digest(text) not in self._trusted_by_digest:
            raise bad_request("Only documents that are known here may be run.", "PERSISTED_QUERY_REQUIRED")
        return self._documents.get(text)

    def _of_id(self, name: str, text: str | None) -> Document:
        hash_ = name.removeprefix(BY_HASH) if name.startswith(BY_HASH) else None
        if hash_ is not None and not HASH.fullmatch(hash_):
            raise bad_request(f"After `{BY_HASH}` come 64 hexadecimal digits in lower case.")
        if text is None:
            document = self._named(name, hash_)
            if document is None:
                raise bad_request("No document is known here by this id.", "PERSISTED_QUERY_NOT_FOUND")
            return document
        if hash_ != digest(text) and self._trusted.get(name) != text:
            raise bad_request("The id is not that of the `query` beside it.")
        return self._of_text(text)

    def _of_apollo_hash(self, hash_: str, text: str | None) -> Document:
        if text is None:
            document = self._named(hash_, hash_)
            if document is None:
                # The client reads the message, and sends the text along the next time.
                raise ClientError("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
            return document
        if hash_ != digest(text):
            raise bad_request("provided sha does not match query")
        return self._of_text(text)

    def _named(self, name: str, key: str | None) -> Document | None:
        """The document of an id in the manifest, or of a digest."""
        text = self._trusted.get(name) or self._trusted_by_digest.get(key or "")
        if text is not None:
            return self._documents.get(text)
        return self._documents.kept(key) if key else None

    def _pin(self, name: str, text: str) -> None:
        try:
            self._documents.pin(text)
        except RefusedDocumentError as error:
            # Clients of an older schema may be about: their document is answered with what is wrong with it.
            log.warning("The trusted document %s does not fit: %s", name, error.errors[0].message)


def _apollo_hash(extensions: dict[str, Any]) -> str | None:
    """The hash by which an Apollo client names its document, or None. Raises ClientError."""
    given = extensions.get("persistedQuery")
    if given is None:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("sha256Hash"), str):
        raise bad_request("`extensions.persistedQuery` must be an object with `version` and `sha256Hash`.")
    if given.get("version") != 1 or given["version"] is True:
        raise bad_request("Unsupported persisted query version")
    found: str = given["sha256Hash"]
    return found
