"""Any file that a spreadsheet or another system writes is read as it was meant."""

import codecs
import csv
import io
import re
import tempfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.importing.encoding import encoding_of
from app.importing.errors import EmptyFileError, UnknownFormatError, UnreadableTextError, WorkbookError
from app.importing.headers import recognised
from app.importing.kinds import KINDS
from app.importing.records import Record, Table
from app.importing.tables import open_table

HEADER = ("externalId", "firstName", "lastName", "e-mail", "Achternaam", "Straße")
CELLS = {
    "utf-8": st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    "cp1252": st.text(st.sampled_from("abc ,;\t|\"'\n\réüßñÀ"), max_size=12),
}
QUOTING: list[tuple[Literal[0, 1], str]] = [
    (csv.QUOTE_ALL, "\n"),
    (csv.QUOTE_ALL, "\r"),
    (csv.QUOTE_ALL, "\r\n"),
    (csv.QUOTE_MINIMAL, "\r\n"),
]
DIALECTS = st.tuples(
    st.sampled_from(",;\t|"), st.sampled_from(QUOTING), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
)


def read(path: Path) -> Table:
    shapes = [kind.shape for kind in KINDS.values()]
    return open_table(path, lambda header: recognised(shapes, header))


def read_text(content: str | bytes, name: str = "file.csv") -> tuple[tuple[str, ...], list[Record]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        table = read(path)
        return table.header, list(table.records())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_table_in_any_dialect_and_encoding_reads_back_the_same(data: st.DataObject) -> None:
    delimiter, (quoting, ending), encoding = data.draw(DIALECTS)
    header = data.draw(st.lists(st.sampled_from(HEADER), min_size=2, unique=True))
    cell = CELLS.get(encoding, CELLS["utf-8"])
    table = data.draw(st.lists(st.lists(cell, min_size=len(header), max_size=len(header)), max_size=6))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerow(header)
    expected = []
    for row in table:
        if any(map(str.strip, row)):
            expected.append((1 + len(re.findall(r"\r\n|\r|\n", text.getvalue())), row))
        writer.writerow(row)
    found, records = read_text(text.getvalue().encode(encoding))
    assert found == tuple(header)
    assert [(record.line, record.cells, record.problem) for record in records] == [(*row, None) for row in expected]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen_by_the_header(delimiter: str) -> None:
    text = f"Vorname{delimiter}Nachname{delimiter}Straße; Ort, Land|x\nAnn{delimiter}One{delimiter}\n"
    header, _ = read_text(text.replace("Straße; Ort, Land|x", '"Straße; Ort, Land|x"'))
    assert header == ("Vorname", "Nachname", "Straße; Ort, Land|x")


def test_the_line_with_which_excel_names_the_delimiter_is_no_header() -> None:
    header, records = read_text("sep=;\r\nexternalId;firstName\r\nC1;Ann\r\n")
    assert header == ("externalId", "firstName")
    assert [(record.line, record.cells) for record in records] == [(3, ["C1", "Ann"])]


def test_spaces_after_the_delimiter_do_not_hide_quotes() -> None:
    _, records = read_text('externalId, firstName, lastName\nC1, "Ann, dr", One\n')
    assert records[0].cells == ["C1", "Ann, dr", "One"]


def test_blank_lines_and_blank_rows_are_skipped_but_counted() -> None:
    _, records = read_text("\n\nexternalId,firstName\n\n,\n  ,\nC1,Ann\n\n")
    assert [(record.line, record.cells) for record in records] == [(7, ["C1", "Ann"])]


def test_a_quote_that_is_never_closed_costs_its_own_line_only() -> None:
    _, records = read_text('externalId,firstName\nC1,"Ann\nC2,Bob\nC3,"Cy"\nC4,Dee\n')
    assert [(record.line, record.cells, record.problem is None) for record in records] == [
        (2, ['C1,"Ann'], False),
        (3, ["C2", "Bob"], True),
        (4, ["C3", "Cy"], True),
        (5, ["C4", "Dee"], True),
    ]


def test_an_unclosed_quote_at_the_end_costs_its_own_line_only() -> None:
    _, records = read_text('externalId,firstName\nC1,Ann\n"C2,Bob\nC3,Cy\n')
    assert [record.cells for record in records if not record.problem] == [["C1", "Ann"], ["C3", "Cy"]]


def test_a_broken_line_before_the_header_is_not_taken_for_it() -> None:
    header, records = read_text('"Export of "today",\nexternalId,firstName\nC1,Ann\n')
    assert header == ("externalId", "firstName")
    assert [record.cells for record in records] == [["C1", "Ann"]]


def test_an_enormous_cell_is_reported() -> None:
    _, records = read_text(f"externalId,firstName\nC1,{'x' * 200_000}\nC2,Bob\n")
    assert [record.line for record in records if record.problem] == [2]
    assert records[-1].cells == ["C2", "Bob"]


def test_empty_cells_beyond_the_header_are_let_pass_and_others_not() -> None:
    _, records = read_text("externalId,firstName\nC1,Ann,,\nC2,Bob,x\n")
    assert [record.problem for record in records] == [None, "The row has 3 cells, the header 2."]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain", "utf-8"),
        ("Zoë".encode(), "utf-8"),
        (codecs.BOM_UTF8 + b"x", "utf-8-sig"),
        ("Zoë".encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + "Zoë".encode("utf-16-be"), "utf-16"),
        ("Zoë".encode("utf-16-le"), "utf-16-le"),
        ("Zoë".encode("cp1252"), "cp1252"),
        ("Zoë Müller Größe ".encode() + b"\xe9", "utf-8"),
    ],
)
def test_the_encoding_is_seen_by_the_bytes(tmp_path: Path, content: bytes, encoding: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert encoding_of(path)[0] == encoding


def test_half_a_character_of_utf16_is_kept_for_the_row_to_fail() -> None:
    _, records = read_text(
        codecs.BOM_UTF16_LE + "externalId,firstName\nC1,x\ud800x\n".encode("utf-16-le", "surrogatepass")
    )
    assert records[0].cells == ["C1", "x\ud800x"]


def test_half_a_character_in_json_is_reported() -> None:
    _, records = read_text('{"externalId": "C1", "firstName": "\\ud800"}\n{"externalId": "C2"}\n', "file.jsonl")
    assert [record.problem is None for record in records] == [False, True]


def test_a_byte_that_windows_1252_does_not_define_becomes_a_control_character() -> None:
    _, records = read_text(b"externalId,firstName\nC1,Zo\xeb\nC2,Bo\x81b\n")
    assert [record.cells[1] for record in records] == ["Zoë", "Bo\x81b"]


@pytest.mark.parametrize(
    ("content", "name", "error"),
    [
        (b"", "file.csv", EmptyFileError),
        (b"\n \n", "file.csv", EmptyFileError),
        (b"\n\n", "file.ndjson", EmptyFileError),
        (b"PK\x03\x04....", "file.csv", WorkbookError),
        (b"\xff\xfea\x00b", "file.csv", UnreadableTextError),
        (b"x", "file.xlsx", UnknownFormatError),
        (b"x", "file", UnknownFormatError),
    ],
)
def test_a_file_that_is_no_table_is_refused(content: bytes, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_text(content, name)
