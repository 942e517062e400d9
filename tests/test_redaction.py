"""What no log may hold is taken out of every text, and what helps is left in."""

import asyncpg
import pytest
from graphql import GraphQLError, build_schema, parse, validate

from app.redaction import LONGEST, described, redacted
from tests.test_settings import SECRET

TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        (f"the token is {TOKEN}!", TOKEN),
        (f"query_{TOKEN}", TOKEN),
        (TOKEN[:50], TOKEN[:50]),
        ("authorization: Bearer opaque123", "opaque123"),
        ("{'Authorization': 'Bearer opaque123'}", "opaque123"),
        ("Authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        (f"SEGMENTS_JWT_SECRET={SECRET.replace(' ', '-')}", SECRET.replace(" ", "-")),
        ('password="a b, c"', "a b, c"),
        ("postgresql://segments:hush,hush@db.example/segments", "hush"),
        ("?api_key=abc123&x=1", "abc123"),
        ("Key (email)=(ada@lovelace.example) already exists.", "lovelace"),
        ("Key (account_id, lower(last_name))=(019, de Vries) already exists.", "Vries"),
        ("Failing row contains (1, Ada, de Vries, (x)).", "Vries"),
        ("invalid input for query argument $2: 'de Vries' (expected str)", "Vries"),
        ("mail ada.lovelace+x@example.nl now", "lovelace"),
        ("ada@localhost", "ada"),
        ("ADA@EXAMPLE.NL", "ADA"),
        ("jürgen@münchen.example", "jürgen"),
        ('"ada lovelace"@example.nl', "lovelace"),
        ("?email=ada%40example.nl", "ada"),
        ("<ada@example.nl>", "ada"),
        ("+31612345678", "12345678"),
        ("+31 6 1234 5678", "5678"),
        ("+31-6-1234-5678", "5678"),
        ("+31 (0)6 12345678", "12345678"),
        ("%2B31612345678", "12345678"),
        ("0031612345678", "12345678"),
        ("0612345678", "12345678"),
        ("06-12345678", "12345678"),
        ("06 12 34 56 78", "56 78"),
        ("06.12.34.56.78", "56.78"),
        ("(020) 123 45 67", "45 67"),
        ("020/1234567", "1234567"),
        ("(555) 123-4567", "123-4567"),
        ("612345678", "345678"),
        ("31612345678", "345678"),
        ("op0612345678", "12345678"),
        ("_31612345678_", "12345678"),
        ("call_06_12_34_56_78", "34_56_78"),
        ("call_31_6_1234_5678", "1234_5678"),
        ("06\u00a012\u00a034\u00a056\u00a078", "56"),
        ("06‑12345678", "12345678"),
    ],
)
def test_it_is_taken_out(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert secret not in redacted(f"before\n{text}\nafter", lines=True)


@pytest.mark.parametrize(
    "text",
    [
        "The keys of https://issuer.example could not be fetched: ConnectError",
        "019abcde-1234-7890-8765-012345678901",
        "01234567-8901-7345-8678-901234567890",
        "2026-11-23T16:08:01.123456Z",
        "2026-11-23 16:08:01,123 and 2026-11-23",
        'File "app/database.py", line 1234, in fetch',
        "127.0.0.1:54321 and 192.168.100.200",
        "took 0.123456789 seconds, of 15.0",
        "SegmentsOfHome",
        "Cannot return null for non-nullable field Query.nothing.",
        "tokens: max_tokens is 2000",
        "BAD_USER_INPUT",
    ],
)
def test_what_helps_is_left_in(text: str) -> None:
    assert redacted(text) == text


def test_control_characters_cannot_make_lines_of_their_own() -> None:
    assert redacted('a\n{"level":"error"}\x1b[31m\u2028b\x00') == 'a?{"level":"error"}?[31m?b?'
    assert redacted("a\n\tb\x1b", lines=True) == "a\n\tb?"


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = redacted("begin " + "x " * LONGEST + " end")
    assert len(text) < LONGEST + 100
    assert text.startswith("begin")
    assert text.endswith("end")


def raised(error: BaseException) -> str:
    try:
        raise error
    except BaseException as caught:
        return described(type(caught), caught, caught.__traceback__)


async def test_a_row_that_postgresql_quotes_is_not_shown(superuser_url: str) -> None:
    """Its names and its values of several lines too, which no pattern could know."""
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute("CREATE TEMP TABLE person (name text UNIQUE CHECK (name <> 'de Vries'))")
        await connection.execute("INSERT INTO person VALUES ($1)", "Ada\n(King)\nLovelace")
        for name in ("Ada\n(King)\nLovelace", "de Vries"):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await connection.execute("INSERT INTO person VALUES ($1)", name)
            for error in (caught.value, RuntimeError("failed")):
                error.__cause__ = None if error is caught.value else caught.value
                shown = raised(error)
                assert "Vries" not in shown
                assert "Lovelace" not in shown
                assert "person_name" in shown
                assert "(2350" in shown or "(23514" in shown
        name = "de Vries"
        with pytest.raises(asyncpg.DataError) as refused:
            await connection.fetch("SELECT $1::int", name)
        assert "Vries" in str(refused.value)
        assert "Vries" not in raised(refused.value)
    finally:
        await connection.close()


def test_the_text_of_a_document_is_not_shown() -> None:
    [error] = validate(build_schema("type Query { hello: String }"), parse('{ hello(name: "de Vries") }'))
    assert "Vries" in str(error)
    shown = raised(error)
    assert "Vries" not in shown
    assert error.message in shown


def test_the_exceptions_behind_an_exception_are_redacted_too() -> None:
    inner = ValueError("ada@example.nl")
    outer = RuntimeError("outer")
    outer.__cause__ = inner
    inner.__context__ = KeyError("+31612345678")
    group = ExceptionGroup("several", [outer, GraphQLError("told")])
    shown = raised(group)
    assert "several" in shown
    assert "KeyError" in shown
    assert "ada" not in shown
    assert "12345678" not in shown


def test_an_exception_that_was_its_own_cause_is_shown() -> None:
    error = RuntimeError("round")
    other = ValueError("and round")
    error.__context__, other.__context__ = other, error
    assert "round" in raised(error)
