"""What seeded people agreed to, applied for and are listed on; the same for the same seed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from uuid import UUID

from app.models import Channel
from app.seeding.countries import COUNTRIES
from app.seeding.people import HISTORY, pool
from app.seeding.work import JOBS, LISTS, SOURCES

LEAST_VACANCIES = 10
CANDIDATES_PER_VACANCY = 500
CLOSED_SHARE = 0.6
APPLICANT_SHARE = 1 / 3
APPLICATIONS_PER_APPLICANT = (1, 1, 1, 2, 2, 2)
LISTED_SHARE = 0.25

CONSENT_COLUMNS = (
    "account_id", "candidate_id", "policy_id", "granted_at", "expires_at", "withdrawn_at", "source",
)  # fmt: skip
VACANCY_COLUMNS = ("account_id", "id", "external_id", "title", "opened_at", "closed_at")
APPLICATION_COLUMNS = ("account_id", "candidate_id", "vacancy_id", "applied_at")
LIST_COLUMNS = ("account_id", "id", "external_id", "name", "created_at")
LIST_MEMBER_COLUMNS = ("account_id", "list_id", "candidate_id")

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class SeededPolicy:
    """A privacy policy, the channels that demand it and how many candidates agreed to it."""

    name: str
    required_for: tuple[Channel, ...]
    share: float


POLICIES = (
    SeededPolicy("General privacy policy", (Channel.EMAIL, Channel.SMS), 0.7),
    SeededPolicy("SMS policy", (Channel.SMS,), 0.55),
    SeededPolicy("Newsletter", (), 0.3),
)

WITHDRAWN_SHARE = 0.05
EXPIRED_SHARE = 0.04
EXPIRING_SHARE = 0.2
"""Shares of the consents given: taken back, run out, and due to run out within two years."""


@dataclass(frozen=True, slots=True)
class SeededVacancy:
    """An invented opening."""

    external_id: str
    title: str
    opened_at: datetime
    closed_at: datetime | None


def vacancies(candidates: int, seed: int, moment: datetime) -> list[SeededVacancy]:
    """Openings of the last three years, the oldest first; more than half are closed."""
    random = Random(f"vacancies {seed}")
    count = max(LEAST_VACANCIES, candidates // CANDIDATES_PER_VACANCY)
    pools = [pool(country) for country in COUNTRIES]
    weights = list(accumulate(country.weight for country in COUNTRIES))
    opened = sorted(moment - HISTORY * random.random() for _ in range(count))
    return [_vacancy(random, number, random.choices(pools, cum_weights=weights)[0].cities, start, moment)
            for number, start in enumerate(opened)]  # fmt: skip


def _vacancy(
    random: Random, number: int, cities: Sequence[str], opened_at: datetime, moment: datetime
) -> SeededVacancy:
    closed = random.random() < CLOSED_SHARE
    closed_at = opened_at + (moment - opened_at) * random.random() if closed else None
    return SeededVacancy(
        f"V-{10_000 + number}", f"{random.choice(JOBS)}, {random.choice(cities)}", opened_at, closed_at
    )


def list_names() -> tuple[str, ...]:
    return LISTS


class Circumstances:
    """Draws what belongs to each candidate, in the order in which they are seeded."""

    def __init__(self, account_id: UUID, seed: int, moment: datetime) -> None:
        self._account_id = account_id
        self._moment = moment
        self._consents, self._applications, self._lists = (
            Random(f"{what} {seed}") for what in ("consents", "applications", "lists")
        )

    def consents(self, people: Iterable[tuple[UUID, datetime]], policies: Sequence[UUID]) -> Iterator[Row]:
        """Rows of `consent` for candidates and the moments they registered at; the policies in order of POLICIES."""
        chance, choice, account_id, moment = (
            self._consents.random,
            self._consents.choice,
            self._account_id,
            self._moment,
        )
        shares = [(policy_id, policy.share) for policy_id, policy in zip(policies, POLICIES, strict=True)]
        for candidate_id, since in people:
            for policy_id, share in shares:
                if chance() >= share:
                    continue
                granted_at = since + (moment - since) * (chance() * 0.1)
                expires_at = withdrawn_at = None
                draw = chance()
                if draw < WITHDRAWN_SHARE:
                    withdrawn_at = granted_at + (moment - granted_at) * chance()
                elif draw < WITHDRAWN_SHARE + EXPIRED_SHARE:
                    expires_at = granted_at + (moment - granted_at) * chance()
                elif draw < WITHDRAWN_SHARE + EXPIRED_SHARE + EXPIRING_SHARE:
                    expires_at = moment + timedelta(days=1 + 729 * chance())
                yield account_id, candidate_id, policy_id, granted_at, expires_at, withdrawn_at, choice(SOURCES)

    def applications(
        self, people: Iterable[tuple[UUID, datetime]], openings: Sequence[tuple[UUID, SeededVacancy]]
    ) -> Iterator[Row]:
        """Rows of `application`: a third of the candidates registered for one or two vacancies."""
        random, moment = self._applications, self._moment
        for candidate_id, since in people:
            if random.random() >= APPLICANT_SHARE:
                continue
            chosen = random.sample(openings, min(len(openings), random.choice(APPLICATIONS_PER_APPLICANT)))
            for vacancy_id, vacancy in chosen:
                start = max(since, vacancy.opened_at)
                end = max(start, vacancy.closed_at or moment)
                yield self._account_id, candidate_id, vacancy_id, start + (end - start) * random.random()

    def list_members(self, people: Iterable[tuple[UUID, datetime]], lists: Sequence[UUID]) -> Iterator[Row]:
        """Rows of `candidate_list_member`: a quarter of the candidates are on one list or two, the first lists most."""
        random, account_id = self._lists, self._account_id
        weights = list(accumulate(1 / (place + 2) for place in range(len(lists))))
        for candidate_id, _ in people:
            if random.random() < LISTED_SHARE:
                for list_id in dict.fromkeys(random.choices(lists, cum_weights=weights, k=random.choice((1, 1, 2)))):
                    yield account_id, list_id, candidate_id


def contract_year(moment: datetime) -> tuple[date, date]:
    """The first and the last day of the contract in force at the moment."""
    return date(moment.year, 1, 1), date(moment.year, 12, 31)
