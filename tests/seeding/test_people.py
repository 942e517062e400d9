"""The people are plausible, diverse and the same for the same seed."""

import re
from datetime import UTC, datetime
from itertools import islice

import phonenumbers
import pytest
from email_validator import validate_email

from app.seeding.people import HISTORY, SeededCandidate, people
from app.seeding.romanisation import romanise

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def crowd() -> list[SeededCandidate]:
    return list(people(4000, 7, MOMENT))


def test_the_same_seed_and_moment_give_the_same_people(crowd: list[SeededCandidate]) -> None:
    assert list(islice(people(4000, 7, MOMENT), 50)) == crowd[:50]
    assert list(islice(people(4000, 8, MOMENT), 50)) != crowd[:50]


def test_every_verified_mobile_is_a_valid_number(crowd: list[SeededCandidate]) -> None:
    numbers = [phonenumbers.parse(person.verified_mobile) for person in crowd if person.verified_mobile]
    assert all(phonenumbers.is_valid_number(number) for number in numbers)
    assert len(numbers) == pytest.approx(0.6 * len(crowd), rel=0.1)


def test_mobiles_as_typed_are_valid_in_the_country_of_the_person(crowd: list[SeededCandidate]) -> None:
    typed = [(person.mobile, person.country) for person in crowd if person.mobile]
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(mobile, country)) for mobile, country in typed)
    assert len(typed) == pytest.approx(0.75 * len(crowd), rel=0.1)


def test_every_email_is_valid_plain_and_reserved_for_examples(crowd: list[SeededCandidate]) -> None:
    emails = [person.email for person in crowd if person.email]
    assert len(emails) == pytest.approx(0.95 * len(crowd), rel=0.05)
    for email in emails:
        assert validate_email(email, check_deliverability=False).normalized == email
        assert email.isascii()
        assert re.search(r"[@.]example\.(com|net|org)$", email)


def test_names_come_in_several_scripts_and_with_apostrophes(crowd: list[SeededCandidate]) -> None:
    names = " ".join(f"{person.first_name} {person.last_name}" for person in crowd)
    for script in ("[а-я]", "[α-ω]", "[一-龥]", "[é-ü]", "'"):
        assert re.search(script, names), script


def test_everyone_has_two_to_six_skills_and_registered_in_the_last_three_years(crowd: list[SeededCandidate]) -> None:
    for person in crowd:
        assert 2 <= len(person.skills) == len(set(person.skills)) <= 6
        assert MOMENT - HISTORY <= person.created_at <= person.updated_at <= MOMENT


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("O'Brien", "obrien"),
        ("Θεοδοσίου", "theodosiou"),
        ("Šešelj", "seselj"),
        ("Лук'яненко", "lukyanenko"),
        ("王", "wang"),
    ],
)
def test_a_name_of_any_script_has_latin_letters(name: str, letters: str) -> None:
    assert romanise(name) == letters
