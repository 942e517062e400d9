"""Files of documents that a client's build writes, for the server to know them by id."""

from pathlib import Path
from typing import Any

import orjson

from app.engine.documents import digest
from app.settings import InvalidSettingsError

APOLLO = "apollo-persisted-query-manifest"


def read(path: Path) -> dict[str, str]:
    """The text of each document by its id. Raises InvalidSettingsError when the file is no manifest.

    Apollo's manifests have a list of operations; those of Relay and graphql-codegen are objects from id to text.
    """
    try:
        manifest = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _unusable(path, f"cannot be read: {error}") from None
    if not isinstance(manifest, dict):
        raise _unusable(path, "must be a JSON object")
    documents = _of_apollo(path, manifest) if "format" in manifest else manifest
    if not documents:
        raise _unusable(path, "has no documents")
    for name, text in documents.items():
        if not isinstance(text, str):
            raise _unusable(path, f"must have a text as the document {name!r}")
        if name.startswith("sha256:") and name != f"sha256:{digest(text)}":
            raise _unusable(path, f"has a document {name!r} of another hash, sha256:{digest(text)}")
    return documents


def _of_apollo(path: Path, manifest: dict[str, Any]) -> dict[str, str]:
    if manifest["format"] != APOLLO or manifest.get("version") != 1:
        raise _unusable(path, f"must be of the format {APOLLO!r}, version 1")
    operations = manifest.get("operations")
    if not isinstance(operations, list):
        raise _unusable(path, "must have a list of `operations`")
    found: dict[str, str] = {}
    for operation in operations:
        given = operation if isinstance(operation, dict) else {}
        name, text = given.get("id"), given.get("body")
        if not isinstance(name, str) or not isinstance(text, str):
            raise _unusable(path, "must have an `id` and a `body` in each of its operations")
        if found.setdefault(name, text) != text:
            raise _unusable(path, f"has two documents of the id {name!r}")
    return found


def _unusable(path: Path, problem: str) -> InvalidSettingsError:
    return InvalidSettingsError(f"SEGMENTS_TRUSTED_DOCUMENTS: {path} {problem}")
