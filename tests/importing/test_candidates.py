"""A file of candidates becomes the candidates of an account, and nothing else happens."""

import csv
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from asyncpg import Record

from app.database import Database
from app.domain import accounts
from app.domain.accounts import Account
from app.importing import run
from app.importing.errors import NoSuchAccountError
from app.importing.report import Summary
from app.importing.run import Import, import_file
from tests.importing.conftest import ImportText

Rows = Callable[[str], Awaitable[Sequence[Record]]]

PEOPLE = """
SELECT external_id, first_name, last_name, email, mobile, verified_mobile, city, country, headline, skills
FROM candidate WHERE account_id = $1 ORDER BY external_id
"""

FULL = """\
externalId,firstName,lastName,email,mobile,verifiedMobile,city,country,headline,skills,createdAt
C1,Ann,O'Brien,Ann@Example.COM,06 12345678,+31612345678,Köln,de,"Nurse, ICU",Nursing|Intensive Care,2024-03-01
C2,Ελένη,Παπαδοπούλου,,,,Αθήνα,GR,,,01-02-2025
"""


def counts(summary: Summary) -> tuple[int, int, int, int]:
    return summary.created, summary.updated, summary.unchanged, summary.failed


async def test_every_column_is_kept(importing: ImportText, rows: Rows) -> None:
    assert counts(await importing(FULL)) == (2, 0, 0, 0)
    ann, eleni = map(tuple, await rows(PEOPLE))
    assert ann == ("C1", "Ann", "O'Brien", "Ann@example.com", "06 12345678", "+31612345678", "Köln", "DE",
                   "Nurse, ICU", ["Nursing", "Intensive Care"])  # fmt: skip
    assert eleni == ("C2", "Ελένη", "Παπαδοπούλου", None, None, None, "Αθήνα", "GR", None, [])
    created = await rows("SELECT created_at FROM candidate WHERE account_id = $1 ORDER BY external_id")
    assert [row[0] for row in created] == [datetime(2024, 3, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)]


async def test_the_same_file_twice_changes_nothing(importing: ImportText, rows: Rows) -> None:
    await importing(FULL)
    before = await rows("SELECT * FROM candidate WHERE account_id = $1 ORDER BY id")
    assert counts(await importing(FULL)) == (0, 0, 2, 0)
    assert await rows("SELECT * FROM candidate WHERE account_id = $1 ORDER BY id") == before


async def test_columns_that_the_file_does_not_have_stay_as_they_are(importing: ImportText, rows: Rows) -> None:
    await importing(FULL)
    summary = await importing("externalId,firstName,lastName,city\nC1,Anna,O'Brien,\nC2,Ελένη,Παπαδοπούλου,Αθήνα\n")
    assert counts(summary) == (0, 1, 1, 0)
    [ann, _] = await rows(PEOPLE)
    assert (ann["first_name"], ann["city"], ann["email"]) == ("Anna", None, "Ann@example.com")
    assert ann["skills"] == ["Nursing", "Intensive Care"]


async def test_a_bad_row_is_reported_with_its_line_and_stops_nothing_else(importing: ImportText, rows: Rows) -> None:
    summary = await importing(
        "externalId;firstName;lastName;email;verifiedMobile;headline\n"
        'C1;Ann;One;a@example.com;;"two\nlines"\n'
        "C2;Bob;Two;not an address;;\n"
        "C3;Cy;Three;;12;\n"
        ";Dee;Four;;;\n"
        "C5;Ed;Five;;\n"
        f"C6;{'x' * 201};Six;;;\n"
        "C7;Gil;Seven;;;\n"
    )
    assert counts(summary) == (2, 0, 0, 5)
    failures = {failure.record.line: failure.reason for failure in summary.first_failures}
    assert list(failures) == [4, 5, 6, 7, 8]
    assert failures[4].startswith("email is not an e-mail address")
    assert failures[5].startswith("verifiedMobile is not a phone number")
    assert failures[6] == "externalId is missing"
    assert failures[7] == "The row has 5 cells, the header 6."
    assert failures[8] == "firstName has 201 characters, 200 is the most"
    assert [row["headline"] for row in await rows(PEOPLE)] == ["two lines", None]


@pytest.mark.parametrize("bad", ["a\0b", "bell\x07", "\x85", "\ufffe", "\t"])
async def test_characters_that_are_no_text_are_refused(importing: ImportText, bad: str) -> None:
    summary = await importing(f"externalId,firstName,lastName\nC1,x{bad}x,One\nC2,Bob,Two\n")
    assert counts(summary) == (1, 0, 0, 1)
    assert "which is no text" in summary.first_failures[0].reason


async def test_a_broken_byte_in_utf8_spoils_its_row_only(importing: ImportText, rows: Rows) -> None:
    text = "externalId,firstName,lastName\nC1,Zoë,Één\nC2,X?,Two\nC3,Jürgen,Größe\n".encode().replace(b"X?", b"X\xe9")
    assert counts(await importing(text)) == (2, 0, 0, 1)
    assert [row["first_name"] for row in await rows(PEOPLE)] == ["Zoë", "Jürgen"]


async def test_failed_rows_are_written_down_and_can_be_corrected_and_imported(
    importing: ImportText, tmp_path: Path
) -> None:
    errors = tmp_path / "errors.csv"
    text = "Vorname;Nachname;Kandidatennummer;E-Mail-Adresse;Notiz\nAnn;Eins;C1;;\nBob;Zwei;C2;bob;x\n"
    assert counts(await importing(text, errors=errors)) == (1, 0, 0, 1)
    with errors.open(encoding="utf-8-sig", newline="") as file:
        [failed] = csv.DictReader(file)
    assert failed["line"] == "3"
    assert failed["reason"].startswith("email is not an e-mail address")
    assert (failed["Kandidatennummer"], failed["Notiz"]) == ("C2", "x")
    corrected = errors.read_bytes().replace(b",bob,", b",bob@example.com,")
    summary = await importing(corrected)
    assert counts(summary) == (1, 0, 0, 0)
    assert summary.ignored_columns == ("Notiz",)


async def test_of_rows_with_the_same_id_the_last_good_one_counts(importing: ImportText, rows: Rows) -> None:
    text = "externalId,firstName,lastName,email\nC1,Old,A,\nC2,Bob,B,\nC1,New,A,\nC1,Bad,A,nowhere\n"
    first = await importing(text)
    assert counts(first) == (2, 0, 0, 1)
    assert first.superseded == 1
    assert [row["first_name"] for row in await rows(PEOPLE)] == ["New", "Bob"]
    assert counts(await importing(text)) == (0, 0, 2, 1)


async def test_repeated_rows_are_found_however_far_apart(
    importing: ImportText, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ROWS_PER_TRANSACTION", 3)
    lines = [f"C{number % 7},Name{number},X" for number in range(20)]
    text = "\n".join(["externalId,firstName,lastName", *lines])
    summary = await importing(text)
    assert (counts(summary), summary.superseded) == ((7, 0, 0, 0), 13)
    assert counts(await importing(text)) == (0, 0, 7, 0)
    assert {row["first_name"] for row in await rows(PEOPLE)} == {f"Name{number}" for number in range(13, 20)}


async def test_an_import_that_was_stopped_is_finished_by_running_it_again(
    database: Database, tenant: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ROWS_PER_TRANSACTION", 10)
    path = tmp_path / "file.csv"
    path.write_text("externalId,firstName,lastName\n" + "".join(f"C{n},A,B\n" for n in range(45)))

    class StoppedError(Exception):
        """As when somebody presses Ctrl-C."""

    done = 0

    def stop_half_way(_: float) -> None:
        nonlocal done
        done += 1
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        await import_file(database, Import(path, tenant.name), stop_half_way)
    assert counts(await import_file(database, Import(path, tenant.name))) == (25, 0, 20, 0)


async def test_erased_people_do_not_come_back(
    importing: ImportText, database: Database, tenant: Account, rows: Rows
) -> None:
    digest = hashlib.sha256(tenant.secret + b"C1").digest()
    await database.fetch(
        "INSERT INTO erased_candidate (account_id, external_id_hash) VALUES ($1, $2)", tenant.id, digest
    )
    summary = await importing("externalId,firstName,lastName\nC1,Ann,One\nC2,Bob,Two\n")
    assert counts(summary) == (1, 0, 0, 1)
    assert summary.first_failures[0].reason == "This person was erased and may not come back."
    assert summary.first_failures[0].record.line == 2


@pytest.mark.parametrize(
    ("flag", "verified"), [("ja", "+31612345678"), ("TRUE", "+31612345678"), ("nee", None), ("", None)]
)
async def test_a_column_may_say_whether_the_mobile_is_verified(
    importing: ImportText, rows: Rows, flag: str, verified: str | None
) -> None:
    await importing(f"id,voornaam,achternaam,mobiel,mobiel geverifieerd\nC1,An,B,0612345678,{flag}\n", region="NL")
    [row] = await rows(PEOPLE)
    assert (row["mobile"], row["verified_mobile"]) == ("0612345678", verified)


async def test_a_mobile_that_cannot_be_dialled_is_kept_as_typed_when_it_is_not_verified(
    importing: ImportText, rows: Rows
) -> None:
    await importing("id,firstname,lastname,phone\nC1,An,B,06-123 (after 6 pm)\n")
    [row] = await rows(PEOPLE)
    assert (row["mobile"], row["verified_mobile"]) == ("06-123 (after 6 pm)", None)


async def test_json_lines_say_nothing_about_what_they_leave_out(importing: ImportText, rows: Rows) -> None:
    await importing(FULL)
    summary = await importing(
        '{"externalId": "C1", "firstName": "Ann", "lastName": "O\'Brien", "city": null, "skills": ["Python"]}\n'
        '{"externalId": 7, "firstName": "Sev", "lastName": "En", "skills": "SQL; C#"}\n\n'
        "{nonsense\n[1]\n"
        '{"externalId": "C9", "firstName": "No"}\n',
        "file.ndjson",
    )
    assert counts(summary) == (1, 1, 0, 3)
    assert [failure.record.line for failure in summary.first_failures] == [4, 5, 6]
    seven, ann = [row for row in await rows(PEOPLE) if row["external_id"] in ("7", "C1")]
    assert (ann["city"], ann["email"], ann["skills"]) == (None, "Ann@example.com", ["Python"])
    assert seven["skills"] == ["SQL", "C#"]


async def test_another_account_is_not_touched(importing: ImportText, database: Database, tmp_path: Path) -> None:
    other = await accounts.create(database, f"other {uuid4()}")
    path = tmp_path / "other.csv"
    path.write_text(FULL)
    await import_file(database, Import(path, other.name))
    before = await database.fetch("SELECT * FROM candidate WHERE account_id = $1 ORDER BY id", other.id)
    assert counts(await importing(FULL.replace("Ann,", "Anna,"))) == (2, 0, 0, 0)
    assert await database.fetch("SELECT * FROM candidate WHERE account_id = $1 ORDER BY id", other.id) == before


async def test_an_unknown_account_is_refused(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text(FULL)
    with pytest.raises(NoSuchAccountError, match="nobody of this name"):
        await import_file(database, Import(path, "nobody of this name"))
