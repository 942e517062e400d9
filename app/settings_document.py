"""The settings in words: what docs/settings.md says of each."""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from app.settings import (
    ASYMMETRIC_ALGORITHMS,
    MIN_SECRET_LENGTH,
    Settings,
    asymmetric_algorithms,
    environment_name,
    long_secret,
    postgres_url,
    readable_file,
    trusted_url,
    web_origins,
    web_url,
)


def document() -> str:
    """Every setting in words, as docs/settings.md."""
    rows = [
        f"| `{environment_name(name)}` | {_default(field.default)} | {_bounds(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return DOCUMENT.format(rows="\n".join(rows))


DOCUMENT = """# Settings

Read once, from the environment, when a command starts. A value that cannot be used stops it, naming the variable; an
empty variable counts as not set. There is no file of settings.

| variable | default | may be | what it is |
|---|---|---|---|
{rows}

This page is what `segments settings` prints: `.venv/bin/segments settings > docs/settings.md`
"""

KINDS: dict[Any, str] = {
    bool: "true or false",
    Path: "a directory",
    str: "text",
    postgres_url: "`postgresql://...`",
    long_secret: f"{MIN_SECRET_LENGTH} characters or more",
    readable_file: "a file",
    web_url: "`http://...` or `https://...`",
    trusted_url: "`https://...`; `http://...` on localhost",
    asymmetric_algorithms: ", ".join(ASYMMETRIC_ALGORITHMS),
    web_origins: "`https://...` and `http://...`, or `*`",
}


def _default(value: object) -> str:
    if value in (None, "", ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{','.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


def _bounds(field: FieldInfo) -> str:
    pieces = list(_pieces(field))
    least, beyond, most = (
        next((getattr(piece, bound) for piece in pieces if hasattr(piece, bound)), None) for bound in ("ge", "gt", "le")
    )
    if least is not None:
        return f"{least} or more" if most is None else f"{least} to {most}"
    if beyond is not None:
        return f"more than {beyond}, at most {most}"
    choices = next((get_args(piece) for piece in pieces if get_origin(piece) is Literal), ())
    if choices:
        return ", ".join(choices)
    checks = [piece.func for piece in pieces if isinstance(piece, AfterValidator)]
    return next(KINDS[each] for each in (*checks, *pieces) if each in KINDS)


def _pieces(field: FieldInfo) -> Iterator[Any]:
    """What a field is annotated with, whether it may be left out or not."""
    kinds = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else (field.annotation,)
    for kind in (*kinds, *field.metadata):
        yield kind
        if get_origin(kind) is Annotated:
            yield from get_args(kind)
