"""Every statement keeps to the account it is run for, in the source and when it runs.

A table that holds rows of accounts is scoped where it is named: `FROM candidate c` needs `c.account_id = $1`, and
$1 is the account in every statement.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import models
from app.database import Database
from app.examples import EXAMPLES
from app.settings import Settings
from tests.asking import ask_at, ask_root, fields, places
from tests.client import Client
from tests.conftest import SECRET
from tests.inventory import Inventory

APP = Path(__file__).parent.parent / "app"
SOURCES = sorted(
    path
    for where in (
        "domain",
        "resolvers",
        "importing",
        "seeding",
        "overseeing",
        "server.py",
        "database.py",
        "snapshots.py",
        "statements.py",
        "context.py",
        "worker.py",
    )
    for path in ([APP / where] if where.endswith(".py") else (APP / where).rglob("*.py"))
    if path.exists()
)

SCOPED = {table.name for table in models.metadata.tables.values() if "account_id" in table.columns}

NAMED = re.compile(r"\b(FROM|JOIN|UPDATE|INTO|USING)\s+(\w+)(?:\s+(?:AS\s+)?([a-z]\w*))?(\s*,)?")
INSERTED = re.compile(r"\s*\(\s*account_id\b[^)]*\)\s*(?:VALUES \(|SELECT )(\$1|\w+\.account_id)\b")
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|TRUNCATE)\b")
PURPOSE = re.compile(r"\s*-- [A-Z][^\n]*[.,:]\n")
LOOKS_LIKE_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|JOIN)\s")

RUNS = {"fetch", "fetchrow", "fetchval", "bulk", "search", "walk"}
"""The methods of Database and Transaction that take a statement and its values."""

ACCOUNT = re.compile(r"(\w+\.)*_?account_id|\*\w+\.values|account\.id")
"""The first value of a statement: the account, or parameters, which begin with it."""

WITHOUT_ACCOUNT = {
    "domain/accounts.py: EVERY",  # `segments check` goes over all accounts, one by one.
    "domain/accounts.py: BY_NAME",  # The commands find an account by its name; no request does.
    "domain/background.py: WAITING",  # The worker serves all accounts, one by one.
    "domain/sweeping.py: EXPIRED_ACCOUNTS",  # So does the sweep.
    "domain/sweeping.py: UNSETTLED_ACCOUNTS",
    "domain/sweeping.py: OLD_KEY_ACCOUNTS",
    "server.py: REVISION",  # Whether the database is migrated concerns no account.
}
"""Statements that are run for no account."""


OVER_ALL_ACCOUNTS = {
    "domain/background.py: WAITING",  # Which accounts have something to go on with; what it is, is looked at in theirs.
    "domain/sweeping.py: EXPIRED_ACCOUNTS",
    "domain/sweeping.py: UNSETTLED_ACCOUNTS",
    "domain/sweeping.py: OLD_KEY_ACCOUNTS",
}
"""Statements that go over the rows of all accounts, and return nothing but accounts."""


@dataclass(frozen=True)
class Text:
    """A string of the source. Where an f-string has a value, that is filled in when it is a string of the same file,
    and is `value` otherwise."""

    where: str
    text: str


def texts() -> Iterator[Text]:
    """The strings of the source that look like SQL; no docstrings."""
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            id(node.value): node.targets[0].id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        strings = dict(named for node in ast.walk(tree) for named in _named_string(node))
        passed_over = {id(part) for node in ast.walk(tree) for part in _no_text_of_its_own(node)}
        for node in ast.walk(tree):
            text = None if id(node) in passed_over else _text(node, strings)
            if text and LOOKS_LIKE_SQL.search(text):
                name = names.get(id(node), str(getattr(node, "lineno", "")))
                yield Text(f"{path.relative_to(APP).as_posix()}: {name}", text)


def _no_text_of_its_own(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Expr):
        return [node.value]
    return node.values if isinstance(node, ast.JoinedStr) else []


def _named_string(node: ast.AST) -> list[tuple[str, str]]:
    """The name and the string, when the node gives a string a name."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant):
        return [(node.targets[0].id, node.value.value)] if isinstance(node.value.value, str) else []
    return []


def _text(node: ast.AST, strings: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, strings) or "" for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return strings.get(node.value.id, "value") if isinstance(node.value, ast.Name) else "value"
    return None


def unscoped(statement: str) -> list[str]:
    """The tables that the statement names without keeping to the account."""
    statement = re.sub(r"--[^\n]*", "", statement)
    wanting, aliases = [], Counter[str]()
    for found in NAMED.finditer(statement):
        keyword, table, alias, comma = found.groups()
        if table not in SCOPED:
            continue
        if comma and keyword != "INTO":
            wanting.append(f"{table}, joined by a comma")
        elif keyword == "INTO":
            if not INSERTED.match(statement, found.end()):
                wanting.append(f"INTO {table}")
        else:
            aliases[alias or ""] += 1
    for alias, count in aliases.items():
        scope = rf"\b{alias}\.account_id = \$1\b" if alias else r"(?<![\w.])account_id = \$1\b"
        if len(re.findall(scope, statement)) < count:
            wanting.append(alias or "a table without an alias")
    return wanting


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT id FROM candidate WHERE account_id = $1", []),
        ("SELECT id FROM candidate WHERE id = $1", ["a table without an alias"]),
        ("SELECT c.id FROM candidate c WHERE c.account_id = $1", []),
        ("SELECT c.id FROM candidate c WHERE c.account_id = $2", ["c"]),
        ("SELECT c.id FROM candidate AS c WHERE account_id = $1", ["c"]),
        ("SELECT 1 FROM segment_member m JOIN candidate c ON c.id = m.candidate_id WHERE m.account_id = $1", ["c"]),
        ("SELECT 1 FROM candidate c WHERE c.account_id = $1 AND EXISTS (SELECT FROM candidate c)", ["c"]),
        ("SELECT 1 FROM candidate c, consent k WHERE c.account_id = $1", ["candidate, joined by a comma"]),
        ("UPDATE segment SET name = $3 WHERE id = $2", ["a table without an alias"]),
        ("DELETE FROM segment_member m USING consent k WHERE m.account_id = $1", ["k"]),
        ("INSERT INTO segment (account_id, id) VALUES ($1, $2)", []),
        ("INSERT INTO segment (id, account_id) VALUES ($1, $2)", ["INTO segment"]),
        ("INSERT INTO segment AS s (account_id, id) SELECT $1, c.id FROM found c", []),
        ("INSERT INTO segment (account_id, id) SELECT m.account_id, m.id FROM candidate m WHERE m.account_id = $1", []),
        ("INSERT INTO segment (account_id, id) SELECT $2, c.id FROM found c", ["INTO segment"]),
        ("-- FROM candidate.\nSELECT 1 FROM unnest($2::uuid[]) AS wanted", []),
    ],
)
def test_what_is_not_scoped_is_seen(statement: str, expected: list[str]) -> None:
    assert unscoped(statement) == expected


def test_every_statement_of_the_source_keeps_to_its_account() -> None:
    found = list(texts())
    assert len(found) > 50
    unkept = {text.where: wanting for text in found if (wanting := unscoped(text.text))}
    assert unkept.keys() == OVER_ALL_ACCOUNTS, unkept


def test_every_statement_of_the_source_says_what_it_is_for() -> None:
    """Constants begin with a comment. What is put together from pieces is looked at when it runs."""
    constants = [text for text in texts() if text.where.rpartition(" ")[2].isupper()]
    statements = [text for text in constants if STATEMENT.match(text.text) or "--" in text.text]
    assert len(statements) > 30
    assert [text.where for text in statements if not PURPOSE.match(text.text)] == []


def test_the_first_value_of_every_statement_is_the_account() -> None:
    wanting, calls = [], 0
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RUNS):
                continue
            of_ours = re.search(r"\b(tx|source|database|_database)$", ast.unparse(node.func.value))
            if path.name == "database.py" or not of_ours:
                continue
            calls += 1
            statement, value = ast.unparse(node.args[0]), ast.unparse(node.args[1]) if node.args[1:] else ""
            where = f"{path.relative_to(APP).as_posix()}: {statement}"
            if where not in WITHOUT_ACCOUNT and not ACCOUNT.fullmatch(value):
                wanting.append(f"{where}, {value}")
    assert calls > 40
    assert wanting == []


@pytest.fixture
async def observed(
    database: Database, server_address: str, settings: Settings, statements: list[str]
) -> list[tuple[str, str]]:
    """Every statement that the server runs for every root field, everywhere an id can be named, and the examples."""
    own = await Inventory.make(database, "own")
    asked = [(f"{kind}.{name}", ask_root(kind, name, own)) for kind, name, _ in fields() if kind == "Query"]
    for place in places():
        if {"and", "or"} & set(place.path):
            continue
        parent = str(own.one(place.type)) if place.type in own.ids else None
        value = str(own.one("Candidate")) if "candidate" in place.name.lower() else str(own.one("Segment"))
        asked.append((str(place), ask_at(place, own, value, parent)))
    changes = [(f"{kind}.{name}", ask_root(kind, name, own)) for kind, name, _ in fields() if kind == "Mutation"]
    observed: list[tuple[str, str]] = []
    async with Client.of(server_address, settings, SECRET, own.account_id) as client:
        for where, each in [*asked, *changes]:
            statements.clear()
            await client.answer(each.query, **each.variables)
            observed += [(where, statement) for statement in statements]
        for example in EXAMPLES:
            statements.clear()
            await client.answer(example.query, **dict(example.variables))
            observed += [(example.title, statement) for statement in statements]
    return observed


async def test_every_statement_that_runs_keeps_to_its_account_and_says_what_it_is_for(
    observed: list[tuple[str, str]],
) -> None:
    assert len({statement for _, statement in observed}) > 50
    assert {f"{where}: {wanting}: {text}" for where, text in observed if (wanting := unscoped(text))} == set()
    assert {f"{where}: {text}" for where, text in observed if not PURPOSE.match(text)} == set()
