"""What is recognised quickly is exactly what the libraries accept."""

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from app.domain import addresses
from app.domain.addresses import InvalidEmailError, InvalidMobileError, email_address, mobile_number

LOCAL_PARTS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_.+'\-]{1,66}", fullmatch=True), st.sampled_from(["WWW", "PostMaster", "info", "Sales"])
)
LABELS = st.from_regex(r"[A-Za-z0-9\-]{1,12}", fullmatch=True)
ENDINGS = st.sampled_from(["com", "nl", "test", "local", "invalid", "example", "xn--p1ai", "c0m", "onion", "арф"])
EMAILS = st.builds("{}@{}.{}".format, LOCAL_PARTS, st.lists(LABELS, min_size=1, max_size=6).map(".".join), ENDINGS)
REGIONS = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))


def library_email(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def library_mobile(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def our_mobile(text: str, region: str | None) -> str | None:
    try:
        return mobile_number(text, region)
    except InvalidMobileError:
        return None


@given(st.one_of(EMAILS, EMAILS.map(str.upper), st.text(max_size=30), st.emails()))
@settings(max_examples=400, deadline=None)
def test_an_email_address_is_accepted_exactly_when_the_library_accepts_it(text: str) -> None:
    try:
        ours = email_address(text)
    except InvalidEmailError:
        ours = None
    assert ours == library_email(text)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str | None]:
    """Example numbers of every country, some with digits changed, as people write them."""
    region = draw(REGIONS)
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    style = draw(st.sampled_from([PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL]))
    text = phonenumbers.format_number(example, style) if example else "+31612345678"
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 1))
        text = text[:place] + draw(st.sampled_from([*"0123456789 -.()/+", ""])) + text[place + cut :]
    return text, draw(st.sampled_from([region, None])) if draw(st.booleans()) else draw(REGIONS)


@given(numbers())
@settings(max_examples=600, deadline=None)
def test_a_number_near_a_real_one_is_accepted_exactly_when_the_library_accepts_it(
    number: tuple[str, str | None],
) -> None:
    assert our_mobile(*number) == library_mobile(*number)


@given(st.text(alphabet="+0123456789 -.()", max_size=16), REGIONS)
@settings(max_examples=300, deadline=None)
def test_any_digits_are_accepted_exactly_when_the_library_accepts_them(text: str, region: str) -> None:
    assert our_mobile(text, region) == library_mobile(text, region)


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("06 12345678", "NL", "+31612345678"),
        ("06-12 34 56 78", "NL", "+31612345678"),
        ("0031 6 12345678", "NL", "+31612345678"),
        ("+31 (0)6 12345678", None, "+31612345678"),
        ("0171 2345678", "DE", "+491712345678"),
        ("(212) 555-0123", "US", "+12125550123"),
    ],
)
def test_numbers_as_people_type_them_are_read(text: str, region: str | None, number: str) -> None:
    assert mobile_number(text, region) == number


@pytest.mark.parametrize("text", ["", "12", "n/a", "+31 6 1234", "06 12345678", "+" + "3" * 60])
def test_what_cannot_be_dialled_from_anywhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidMobileError):
        mobile_number(text)


def test_the_quick_way_knows_the_mobile_numbers_of_most_countries() -> None:
    examples = [phonenumbers.example_number_for_type(r, PhoneNumberType.MOBILE) for r in phonenumbers.SUPPORTED_REGIONS]
    plain = [phonenumbers.format_number(example, PhoneNumberFormat.E164) for example in examples if example]
    known = [number for number in plain if addresses._international(number)]
    assert len(known) > 0.6 * len(plain)
