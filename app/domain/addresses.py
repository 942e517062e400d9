"""What an e-mail address and a mobile number must look like.

The libraries decide; they take 20 to 35 microseconds, a minute for a million rows. The common forms are therefore
recognised by expressions that accept nothing the libraries would refuse, which a test holds them to.
"""

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat

LONGEST_EMAIL = 254
LONGEST_LABEL = 63
LONGEST_LOCAL_PART = 64

PLAIN_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
PLAIN_DOMAIN = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}")
SPECIAL_DOMAINS = tuple(f".{domain}" for domain in SPECIAL_USE_DOMAIN_NAMES)

SEPARATORS = str.maketrans("", "", " -.()\u00a0")
LONGEST_CALLING_CODE = 3
LONGEST_MOBILE = 40


class InvalidEmailError(ValueError):
    """is not an e-mail address: {reason}"""

    def __init__(self, reason: str) -> None:
        super().__init__(str(self.__doc__).format(reason=reason.rstrip(".")))


class InvalidMobileError(ValueError):
    """is not a phone number that can be dialled from anywhere, like +31612345678"""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


def email_address(text: str) -> str:
    """The address in its usual form: what is before the @ as given (but for names like postmaster), the domain in
    lower case.

    Asks no name server. Raises InvalidEmailError.
    """
    local, _, domain = text.rpartition("@")
    domain = domain.lower() if domain.isascii() else domain
    if (
        len(local) <= LONGEST_LOCAL_PART
        and len(domain) <= LONGEST_LABEL
        and PLAIN_LOCAL_PART.fullmatch(local)
        and PLAIN_DOMAIN.fullmatch(domain)
        and not f".{domain}".endswith(SPECIAL_DOMAINS)
        and local.lower() not in CASE_INSENSITIVE_MAILBOX_NAMES
    ):
        return f"{local}@{domain}"
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidEmailError(str(error)) from None


def mobile_number(text: str, region: str | None = None) -> str:
    """The number in E.164, as +31612345678. `region` is where numbers without a calling code belong: an ISO 3166
    alpha-2 code. Raises InvalidMobileError."""
    if len(text) > LONGEST_MOBILE:
        raise InvalidMobileError
    plain = text.translate(SEPARATORS)
    found = _international(plain) if plain.startswith("+") else _national(plain, region)
    if found is not None:
        return found
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        raise InvalidMobileError from None
    if number.extension or not phonenumbers.is_valid_number(number):
        raise InvalidMobileError
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def known_region(code: str) -> bool:
    """Whether this is the code of a country whose numbers are known."""
    return code in phonenumbers.SUPPORTED_REGIONS


@dataclass(frozen=True, slots=True)
class MobilePlan:
    """The part of a country's numbering plan that mobile numbers are recognised by. Where countries share a calling
    code, only the first of them has one: the library looks there first."""

    calling_code: str
    mobile: re.Pattern[str]
    general: re.Pattern[str]
    lengths: frozenset[int]
    first_digits: re.Pattern[str] | None
    """What sets the country apart from those that share its calling code."""
    national_prefix: re.Pattern[str] | None
    """What may stand before a number at home; the library decides about numbers that start so."""
    trunk: str | None
    """The same, where it is nothing but these digits."""
    international_prefix: re.Pattern[str] | None

    def has(self, national: str) -> bool:
        """Whether these digits are certainly a mobile number, read as they stand."""
        return (
            len(national) in self.lengths
            and not national.startswith("0")
            and self.mobile.fullmatch(national) is not None
            and self.general.fullmatch(national) is not None
            and (self.first_digits is None or self.first_digits.match(national) is not None)
            and (self.national_prefix is None or self.national_prefix.match(national) is None)
        )


def _international(plain: str) -> str | None:
    digits = plain[1:]
    if not (digits.isascii() and digits.isdigit()):
        return None
    for length in range(1, LONGEST_CALLING_CODE + 1):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length])) if digits[0] != "0" else None
        if regions:
            plan = _plan(regions[0])
            return plain if plan is not None and plan.has(digits[length:]) else None
    return None


def _national(plain: str, region: str | None) -> str | None:
    plan = _plan(region) if region else None
    if plan is None or plan.trunk is None or not plain.startswith(plan.trunk) or not plain.isascii():
        return None
    national = plain[len(plan.trunk) :]
    abroad = plan.international_prefix is not None and plan.international_prefix.match(plain)
    if abroad or plain.startswith(plan.calling_code) or not plan.has(national):
        return None
    return f"+{plan.calling_code}{national}"


@cache
def _plan(region: str) -> MobilePlan | None:
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or COUNTRY_CODE_TO_REGION_CODE[metadata.country_code or 0][0] != region:
        return None
    mobile, general = metadata.mobile, metadata.general_desc
    if not (mobile and mobile.national_number_pattern and general and general.national_number_pattern):
        return None
    prefix, international = metadata.national_prefix_for_parsing, metadata.international_prefix
    plain_trunk = prefix is not None and prefix == metadata.national_prefix and prefix.isdigit()
    return MobilePlan(
        calling_code=str(metadata.country_code),
        mobile=re.compile(mobile.national_number_pattern),
        general=re.compile(general.national_number_pattern),
        lengths=frozenset(mobile.possible_length or general.possible_length),
        first_digits=re.compile(metadata.leading_digits) if metadata.leading_digits else None,
        national_prefix=re.compile(prefix) if prefix else None,
        trunk=prefix if plain_trunk else None,
        international_prefix=re.compile(international) if international else None,
    )
