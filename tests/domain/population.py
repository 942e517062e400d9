"""People with names in many scripts and every kind of relation, for searching."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.eligibility import rules
from app.domain.listing import read_page
from app.domain.lists import candidates
from app.domain.paging import Cursors, Window
from app.domain.search import CandidateFilter
from app.models import Channel
from tests.domain.model_of_search import LONG_AGO, Meaning, Person, lower
from tests.world import GENERAL, SMS, World

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
"""What ages are counted from."""

ADDRESSES = {Channel.EMAIL: "email", Channel.SMS: "verified_mobile"}
NAMED = ("registered_for_vacancy", "in_candidate_list", "in_segment", "accepted_policy")
RELATIONS = {name: str(uuid4()) for name in ("open", "closed", "gold", "empty", "welders", "nurses")}


@dataclass
class Population:
    """An account's people by id, and the moment that their ages are counted from."""

    world: World
    people: dict[UUID, Person]
    now: datetime

    @classmethod
    async def settle(cls, world: World, people: list[Person]) -> Self:
        population = cls(world, {uuid7(): person for person in people}, MOMENT)
        async with world.database.write(world.account_id) as tx:
            for id, person in population.people.items():
                await population._settle(tx, id, person)
        return population

    async def _settle(self, tx: Transaction, id: UUID, person: Person) -> None:
        columns = ("first_name", "last_name", "email", "city", "country", "headline", "verified_mobile")
        row = {column: getattr(person, column) for column in columns}
        row |= {"account_id": tx.account_id, "id": id, "skills": list(person.skills)}
        row |= {"created_at": self.now - person.age}
        await _insert(tx, "candidate", row)
        mine = {"account_id": tx.account_id, "candidate_id": id}
        for name in person.vacancies:
            await _insert(tx, "application", mine | {"vacancy_id": UUID(RELATIONS[name])})
        for name in person.lists:
            await _insert(tx, "candidate_list_member", mine | {"list_id": UUID(RELATIONS[name])})
        for name in person.segments:
            membership = {"segment_id": UUID(RELATIONS[name]), "added_at": self.now, "channel": "EMAIL"}
            await _insert(tx, "segment_member", mine | membership | {"operation_id": uuid7()})
        for names, ended in (
            (person.agreed, {}),
            (person.withdrawn, {"withdrawn_at": LONG_AGO}),
            (person.expired, {"expires_at": LONG_AGO}),
        ):
            for name in names:
                consent = {"policy_id": self.world.policies[name], "granted_at": LONG_AGO - timedelta(days=1)}
                await _insert(tx, "consent", mine | consent | ended)
        for channel in person.suppressed:
            address = getattr(person, ADDRESSES[channel]).lower()
            stop = {"account_id": tx.account_id, "channel": channel.value, "address": address}
            await _insert(tx, "suppression", stop | {"reason": "OPTED_OUT", "created_by": "a test"})

    async def found(
        self, filter: CandidateFilter, size: int = 100, field: str = "CREATED_AT", descending: bool = True
    ) -> list[Person]:
        """The first page of the search, whose ids are given by name. Its count must be what the model counts."""
        database, account = self.world.database, self.world.account
        demands = await rules(database, account.id)
        listing = candidates(self._with_ids(filter), field, descending, demands, database.settings)
        page = await read_page(database, account.id, listing, Window(size), Cursors(account.secret))
        assert await page.count() == len(self.expected(filter)), filter
        return [self.people[row["id"]] for row in page.rows]

    def expected(self, filter: CandidateFilter, field: str = "CREATED_AT", descending: bool = True) -> list[Person]:
        meaning = Meaning(self.now, {Channel.EMAIL: {GENERAL}, Channel.SMS: {GENERAL, SMS}})

        def place(one: tuple[UUID, Person]) -> tuple[Any, ...]:
            id, person = one
            names = (lower(person.last_name).encode(), lower(person.first_name).encode())
            return (*names, id) if field == "LAST_NAME" else (-person.age, id)

        ordered = sorted(self.people.items(), key=place, reverse=descending)
        return [person for _, person in ordered if meaning.matches(filter, person)]

    def _with_ids(self, filter: CandidateFilter) -> CandidateFilter:
        """The filter with ids in place of names."""
        ids: Mapping[str, str] = RELATIONS | {name: str(id) for name, id in self.world.policies.items()}
        changed: dict[str, Any] = {}
        for each in fields(filter):
            value = getattr(filter, each.name)
            if each.name in NAMED and value is not None:
                changed[each.name] = ids.get(value, value)
            elif isinstance(value, CandidateFilter):
                changed[each.name] = self._with_ids(value)
            elif each.name in ("and_", "or_") and value is not None:
                changed[each.name] = [self._with_ids(inner) for inner in value]
        return replace(filter, **changed)


async def _insert(tx: Transaction, table: str, row: dict[str, Any]) -> None:
    await tx.copy(table, tuple(row), [tuple(row.values())])


BOTH = frozenset((GENERAL, SMS))

PEOPLE = [
    Person(
        "Ada",
        "Lovelace",
        "ada@example.com",
        "London",
        "GB",
        "Mathematician",
        ("C++", "Mathematics"),
        "+441",
        agreed=BOTH,
        lists=frozenset({"gold"}),
        segments=frozenset({"nurses"}),
        age=timedelta(days=3),
    ),
    Person("Ada", "Byron", None, None, None, None, (), None, age=timedelta(days=400)),
    Person(
        "José",
        "García Núñez",
        "jose.garcia@example.es",
        "Málaga",
        "ES",
        "Cocinero",
        ("Cooking",),
        None,
        agreed=frozenset({GENERAL}),
    ),
    Person(
        "Jose",
        "Garcia",
        "JOSE@Example.com",
        "malaga",
        "es",
        "Café owner",
        ("cooking", "C#"),
        "+342",
        agreed=frozenset({GENERAL}),
        expired=frozenset({SMS}),
        vacancies=frozenset({"open"}),
    ),
    Person(
        "Sinéad",
        "O'Brien",
        "sinead.o'brien@example.ie",
        "Cork",
        "IE",
        'The "best" nurse',
        (".NET", "Nursing"),
        "+353",
        agreed=BOTH,
        suppressed=frozenset({Channel.SMS}),
        segments=frozenset({"nurses"}),
    ),
    Person(
        "Jürgen",
        "Weiß",
        "j.weiss@example.de",
        "Gießen",
        "DE",
        "Straßenbauer",
        ("Schweißen", "50% part-time"),
        "+49",
        agreed=BOTH,
        segments=frozenset({"welders"}),
    ),
    Person("Ayşe", "Yılmaz", "ayse@example.com.tr", "İzmir", "TR", "IŞIK", ("İngilizce",), "+90", withdrawn=BOTH),
    Person("ΝΊΚΟΣ", "Παπαδόπουλος", None, "Αθήνα", "GR", "Οδηγός", ("Ελληνικά",), None, agreed=frozenset({SMS})),
    Person(
        "Νίκος", "ΠΑΠΑΔΌΠΟΥΛΟΣ", "nikos@example.gr", "ΑΘΉΝΑ", "gr", None, (), "+30", agreed=BOTH, age=timedelta(days=2)
    ),
    Person(
        "伟",
        "王",
        "wei.wang@example.cn",
        "上海",
        "CN",
        "工程师",
        ("焊接",),
        "+86",
        agreed=BOTH,
        lists=frozenset({"gold"}),
        vacancies=frozenset({"open", "closed"}),
    ),
    Person("Юрий", "Лук'яненко", "yuri@example.ua", "Київ", "UA", "Водій", ("Водіння",), None),
    Person(
        "Anna-Lena",
        "van der Berg-Jansen",
        "a_b%c@example.nl",
        "'s-Hertogenbosch",
        "NL",
        "HTML/CSS \\ TeX",
        ("HTML/CSS", "CI/CD", "a_b", "axb"),
        "+31",
        agreed=BOTH,
        age=timedelta(days=9),
        segments=frozenset({"welders", "nurses"}),
    ),
    Person(
        "Jan",
        "de Vries 😀",
        "jan@example.nl",
        "Den Haag",
        "NL",
        "Piano 🎹 teacher",
        ("Teaching 🎓",),
        "+316",
        agreed=BOTH,
        suppressed=frozenset({Channel.EMAIL}),
    ),
    Person(
        "Jan Willem",
        "Smit",
        "axb%c@example.nl",
        "Utrecht",
        "NL",
        "100% remote",
        ("100%",),
        None,
        expired=frozenset({GENERAL}),
    ),
    Person(
        "Jan",
        "Willem Smit",
        "jw@example.nl",
        "Utrecht",
        "NL",
        None,
        ("R",),
        "+317",
        agreed=BOTH,
        vacancies=frozenset({"closed"}),
    ),
    Person(
        "Zoë", "Ångström", "zoe@example.se", "Malmö", "SE", "Physicist & poet", ("Go",), None, age=timedelta(hours=1)
    ),
]
