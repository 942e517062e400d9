"""People who do not exist, the same ones for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from random import Random
from uuid import UUID

from mimesis import Address, Person
from mimesis.enums import Gender
from mimesis.locales import Locale

from app.seeding import romanisation
from app.seeding.countries import COUNTRIES, FAMILY_NAMES_WITH_APOSTROPHES, Country
from app.seeding.romanisation import romanise
from app.seeding.work import JOBS, SKILLS

HISTORY = timedelta(days=3 * 365)
"""How long the account has been collecting candidates."""

MAIL_DOMAINS = (
    "example.com", "example.com", "example.com", "example.net", "example.org",
    "mail.example.com", "post.example.net", "inbox.example.org",
)  # fmt: skip
"""Reserved for examples (RFC 2606): nobody can receive what is sent there."""

DRAWS = 1200
"""How often a pool of names is drawn from its locale."""

APOSTROPHE_SHARE = 0.03
EMAIL_SHARE = 0.95
MOBILE_SHARE = 0.75
VERIFIED_SHARE_OF_MOBILES = 0.8
LOCAL_HEADLINE_SHARE = 0.6

COLUMNS = (
    "account_id", "id", "external_id", "first_name", "last_name", "email", "mobile", "verified_mobile", "city",
    "country", "headline", "skills", "created_at", "updated_at",
)  # fmt: skip


@dataclass(slots=True)
class SeededCandidate:
    """One invented candidate, without the ids that the database knows them by."""

    external_id: str
    first_name: str
    last_name: str
    email: str | None
    mobile: str | None
    verified_mobile: str | None
    city: str
    country: str
    headline: str | None
    skills: list[str]
    created_at: datetime
    updated_at: datetime

    def row(self, account_id: UUID, candidate_id: UUID) -> tuple[object, ...]:
        """Their row of the table, in the order of COLUMNS."""
        return (
            account_id, candidate_id, self.external_id, self.first_name, self.last_name, self.email, self.mobile,
            self.verified_mobile, self.city, self.country, self.headline, self.skills, self.created_at, self.updated_at,
        )  # fmt: skip


Names = tuple[tuple[str, str], ...]
"""Names, each with what an e-mail address has for it."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The names, places and professions of a country."""

    country: Country
    couples: tuple[tuple[Names, Names], ...]
    """First and last names that go together: for men, for women."""
    uncommon: Names
    cities: tuple[str, ...]
    professions: tuple[str, ...]


@cache
def pool(country: Country) -> Pool:
    """Draws a country's pool, always the same."""
    person, address = Person(country.locale, seed=1), Address(country.locale, seed=1)
    cities = tuple(dict.fromkeys(address.city() for _ in range(DRAWS)))
    professions = tuple(dict.fromkeys(person.occupation() for _ in range(DRAWS)))
    couples: tuple[tuple[Names, Names], ...]
    if country.locale is Locale.ZH:
        couples = (_written(romanisation.CHINESE_GIVEN, romanisation.CHINESE_FAMILY),)
    elif country.locale is Locale.JA:
        couples = (_written(romanisation.JAPANESE_GIVEN, romanisation.JAPANESE_FAMILY),)
    else:
        couples = tuple(
            (
                _spelled(tuple(person.first_name(gender) for _ in range(DRAWS))),
                _spelled(tuple(person.surname(gender) for _ in range(DRAWS))),
            )
            for gender in (Gender.MALE, Gender.FEMALE)
        )
    return Pool(country, couples, _spelled(FAMILY_NAMES_WITH_APOSTROPHES.get(country.code, ())), cities, professions)


def _spelled(names: tuple[str, ...]) -> Names:
    return tuple((name, romanise(name)) for name in dict.fromkeys(names))


def _written(given: dict[str, str], family: dict[str, str]) -> tuple[Names, Names]:
    return tuple(given.items()), tuple(family.items())


def people(count: int, seed: int, moment: datetime) -> Iterator[SeededCandidate]:
    """`count` people who registered in the three years before `moment`, the oldest first."""
    random = Random(f"people {seed}")
    pools = [pool(country) for country in COUNTRIES]
    weights = list(accumulate(country.weight for country in COUNTRIES))
    start, step = moment - HISTORY, HISTORY / max(count, 1)
    for number in range(count):
        [where] = random.choices(pools, cum_weights=weights)
        created_at = start + step * (number + random.random())
        yield _person(random, where, number, created_at, moment)


def _person(random: Random, where: Pool, number: int, created_at: datetime, moment: datetime) -> SeededCandidate:
    country, chance, choice = where.country, random.random, random.choice
    first_names, last_names = choice(where.couples)
    first_name, first_spelling = choice(first_names)
    uncommon = where.uncommon and chance() < APOSTROPHE_SHARE
    last_name, last_spelling = choice(where.uncommon if uncommon else last_names)
    email = _email(random, first_spelling, last_spelling) if chance() < EMAIL_SHARE else None
    mobile = verified_mobile = None
    if chance() < MOBILE_SHARE:
        national = _national_number(random, country)
        mobile = _as_typed(random, country, national)
        if chance() < VERIFIED_SHARE_OF_MOBILES:
            verified_mobile = f"+{country.calling_code}{national}"
    skill_count = 2 + int(chance() * 5)
    skills = list(dict.fromkeys(SKILLS[int(len(SKILLS) * chance() * chance())] for _ in range(skill_count)))
    while len(skills) < 2:
        skills = list(dict.fromkeys([*skills, choice(SKILLS)]))
    return SeededCandidate(
        external_id=f"C-{100_000 + number}",
        first_name=first_name,
        last_name=last_name,
        email=email,
        mobile=mobile,
        verified_mobile=verified_mobile,
        city=choice(where.cities),
        country=country.code,
        headline=choice(where.professions if chance() < LOCAL_HEADLINE_SHARE else JOBS) if chance() < 0.95 else None,
        skills=skills,
        created_at=created_at,
        updated_at=created_at + (moment - created_at) * (chance() if chance() < 0.5 else 0),
    )


def _email(random: Random, first: str, last: str) -> str:
    first, last = first or "mail", last or "box"
    draw = random.random()
    if draw < 0.5:
        name = f"{first}.{last}"
    elif draw < 0.75:
        name = f"{first[0]}.{last}"
    else:
        name = f"{last}{first[0]}"
    digits = str(int(random.random() * 100)) if random.random() < 0.7 else ""
    return f"{name[:60]}{digits}@{random.choice(MAIL_DOMAINS)}"


def _national_number(random: Random, country: Country) -> str:
    lowest = 2 * 10 ** (country.mobile_digits - 1)
    rest = lowest + int(random.random() * 4 * lowest)
    return f"{random.choice(country.mobile_prefixes)}{rest}"


def _as_typed(random: Random, country: Country, national: str) -> str:
    """The number in one of the ways in which people type theirs."""
    draw = random.random()
    if draw < 0.4:
        return f"{country.trunk}{national}"
    if draw < 0.7:
        return f"{country.trunk}{national[:1]} {national[1:]}"
    if draw < 0.8:
        return f"{country.trunk}{national[:3]}-{national[3:]}"
    return f"+{country.calling_code} {national}"
