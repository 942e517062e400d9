"""Columns are known by the names that people give them."""

import pytest

from app.importing.errors import (
    ColumnGivenTwiceError,
    MissingColumnsError,
    UnclearKindError,
    UnknownFieldError,
    UnknownHeaderError,
)
from app.importing.headers import columns, plain, shape_of
from app.importing.kinds import KINDS

SHAPES = [kind.shape for kind in KINDS.values()]
CANDIDATES = KINDS["candidates"].shape


@pytest.mark.parametrize(
    "header",
    [
        ("External ID", "first_name", "LASTNAME", "E-mail address", "Mobile phone"),
        ("Kandidatennummer", "Vorname", "Nachname", "E-Mail-Adresse", "Handy"),
        ("Kandidaatnummer", "Voornaam", "Achternaam", "E-mailadres", "Mobiele telefoon"),
        ("Numéro candidat", "Prénom", "Nom", "Adresse e-mail", "Téléphone portable"),
        ("external-id", "FIRST NAME", "Surname", "e_mail", "Cell"),
    ],
)
def test_columns_are_known_by_their_names_in_several_languages(header: tuple[str, ...]) -> None:
    found = columns(CANDIDATES, header)
    assert list(found.places) == ["externalId", "firstName", "lastName", "email", "mobile"]
    assert found.ignored == ()


def test_a_name_is_compared_without_case_accents_and_punctuation() -> None:
    assert plain("  Prénom_(usuel) ") == plain("PRENOM usuel")


def test_unknown_columns_are_named_and_those_of_an_error_file_are_not() -> None:
    found = columns(CANDIDATES, ("line", "reason", "id", "voornaam", "achternaam", "Lievelingskleur", ""))
    assert found.ignored == ("Lievelingskleur",)


def test_missing_columns_are_named() -> None:
    with pytest.raises(MissingColumnsError, match=r"needs the column\(s\) lastName\. The file has: id, Vorname"):
        columns(CANDIDATES, ("id", "Vorname"))


def test_a_mapping_says_what_a_column_is() -> None:
    header = ("Nr", "Vorname", "Nachname", "Kontakt")
    found = columns(CANDIDATES, header, {"nr": "externalId", "KONTAKT": "e-mail".replace("-", "")})
    assert found.places == {"externalId": 0, "email": 3, "firstName": 1, "lastName": 2}


def test_a_mapping_overrides_a_name_and_leaves_out_a_column() -> None:
    header = ("id", "Vorname", "Nachname", "Telefon", "Handy")
    with pytest.raises(ColumnGivenTwiceError, match="Telefon and Handy both say mobile"):
        columns(CANDIDATES, header)
    assert columns(CANDIDATES, header, {"Telefon": "-"}).places["mobile"] == 4
    assert columns(CANDIDATES, header, {"Telefon": "mobile"}).ignored == ("Handy",)


def test_a_column_of_the_very_name_is_preferred_to_a_synonym() -> None:
    found = columns(CANDIDATES, ("id", "Vorname", "Nachname", "Telefon", "Mobile"))
    assert (found.places["mobile"], found.ignored) == (4, ("Telefon",))


def test_a_mapping_of_what_is_not_there_is_refused() -> None:
    header = ("id", "Vorname", "Nachname")
    with pytest.raises(UnknownHeaderError, match="names the column Stadt"):
        columns(CANDIDATES, header, {"Stadt": "city"})
    with pytest.raises(UnknownFieldError, match="names the field town"):
        columns(CANDIDATES, header, {"id": "town"})


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("candidates", ("externalId", "firstName", "lastName", "title")),
        ("consents", ("externalId", "policy", "grantedAt", "expiresAt", "withdrawnAt", "source")),
        ("vacancies", ("externalId", "title", "openedAt", "closedAt")),
        ("applications", ("candidateExternalId", "vacancyExternalId", "appliedAt")),
        ("list-members", ("candidateExternalId", "listName")),
        ("list-members", ("Kandidaatnummer", "Lijstnaam")),
    ],
)
def test_what_a_file_holds_is_seen_by_its_columns(kind: str, header: tuple[str, ...]) -> None:
    assert shape_of(SHAPES, header).kind == kind


def test_columns_that_two_kinds_could_explain_are_refused() -> None:
    with pytest.raises(UnclearKindError, match="Say --kind candidates or list-members"):
        shape_of(SHAPES, ("candidateId", "firstName", "lastName", "listName"))


def test_columns_of_no_kind_are_refused() -> None:
    with pytest.raises(UnclearKindError, match="not clear from its columns"):
        shape_of(SHAPES, ("a", "b"))


def test_no_synonym_means_two_fields_of_one_kind() -> None:
    for shape in SHAPES:
        names = [name for field in shape.fields for name in field.names()]
        assert len(names) == len(set(names)), shape.kind
