"""Takes out of a text what no log may hold: tokens, passwords, e-mail addresses, phone numbers, values of rows."""

import re
import traceback
from collections.abc import Iterator
from functools import lru_cache
from types import TracebackType

import asyncpg
from graphql import GraphQLError

LONGEST = 20_000
"""Characters of one text that are logged."""

LONGEST_KEPT = 64

_GAP = r"[^\S\n]?[.()/_\-\u2010-\u2015]?[^\S\n]?"

PATTERNS = {
    # These are kept, although parts of them look like phone numbers.
    "": r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?)?(?!\d)",
    "token": r"eyJ[\w-]{4,}(?:\.[\w-]*){0,4}|(?i:\b(?:bearer|basic|digest)[\s:=]+)[^\s\"',;]+",
    "secret": r"(?i:\b\w*(?:password|passwd|secret|token|api_?key|authorization)[\"']?\s*[=:]\s*"
    r"(?:[\"']?(?:bearer|basic|digest)\s+)?)(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
    r"|(?<=://)[^\s/@:]*:[^\s@]*(?=@)",
    "email": r"(?:\"[^\"\n]{1,64}\"|[^\s@\"'`()<>\[\]{}=,;:|\\/]{1,64})(?:@|%40)[^\s@\"'`()<>\[\]{}=,;:|\\/]{1,255}",
    "phone": rf"(?:\+|%2B)(?:{_GAP}\d){{7,15}}"
    rf"|(?<![\d.])\(?0(?!\.\d{{3}})(?:{_GAP}\d){{7,14}}"
    rf"|\(\d{{2,4}}\)(?:{_GAP}\d){{6,9}}"
    r"|(?<![\d.])\d(?:[ _-]?\d){8,14}(?!\d)",
    # PostgreSQL and asyncpg quote rows and arguments.
    "values": r"(?<=\)=\()[^\n]*(?=\))|(?<=Failing row contains \()[^\n]*(?=\))"
    r"|(?<=invalid input for query argument \$)\d+: [^\n]*",
}
"""What is looked for, by what is written in its place; first come, first taken."""

_NAMES = tuple(PATTERNS)
_ANY = re.compile("|".join(f"({pattern})" for pattern in PATTERNS.values()))
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), "?")
_CONTROLS_BUT_LINES = {code: mark for code, mark in _CONTROLS.items() if code not in (0x09, 0x0A)}


def redacted(text: str, *, lines: bool = False) -> str:
    """The text without what no log may hold, and without control characters; of several lines when `lines`."""
    return _redacted_short(text) if len(text) <= LONGEST_KEPT and not lines else _redacted(text, lines)


@lru_cache(1024)
def _redacted_short(text: str) -> str:
    """Most lines of the log say the same words."""
    return _redacted(text, False)


def _redacted(text: str, lines: bool) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    if not (text.isascii() and text.isprintable()):
        text = text.translate(_CONTROLS_BUT_LINES if lines else _CONTROLS)
    return _ANY.sub(_mark, text)


def described(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> str:
    """The traceback of an exception and of those behind it, without values of rows, documents or variables."""
    text = "".join(traceback.format_exception(kind, error, trace))
    for each in _chain(error):
        shown = _message(each)
        if shown is not None:
            text = text.replace(str(each), shown)
    return redacted(text.rstrip("\n"), lines=True)


def _message(error: BaseException) -> str | None:
    """What may be shown of an exception whose text quotes data; None when it may be shown as it is."""
    if isinstance(error, GraphQLError):
        return error.message
    if isinstance(error, asyncpg.PostgresError):
        place = " ".join(
            str(named)
            for named in (error.sqlstate, error.table_name, error.column_name, error.constraint_name)
            if named
        )
        return f"{error.args[0] if error.args else ''} ({place})"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that were its cause, that it came in place of, or that it groups."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        behind = (each.__cause__, each.__context__, *getattr(each, "exceptions", ()))
        waiting += [one for one in behind if isinstance(one, BaseException)]


def _mark(found: re.Match[str]) -> str:
    assert found.lastindex is not None
    name = _NAMES[found.lastindex - 1]
    return f"[{name}]" if name else found.group()
