"""A walk that is planned once goes through the index of its order, whatever is asked and whatever is in the tables."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncpg import Record

from app.database import Database
from app.domain import lists
from app.domain.eligibility import Rules
from app.domain.listing import Listing, read_page
from app.domain.paging import Cursors, Window
from app.domain.search import CandidateFilter, DateTimeRange, SkillFilter, TextFilter
from app.models import Channel
from tests.domain.population import MOMENT
from tests.world import World

RULES = Rules({channel: (uuid4(), uuid4()) for channel in Channel}, frozenset(Channel))
"""Every channel demands two consents, and addresses that are not suppressed."""

F = CandidateFilter
SETS = ("registered_for_vacancy", "in_candidate_list", "in_segment", "accepted_policy")
FILTERS = {
    "text": F(text="python p"),
    "name contains": F(name=TextFilter(contains="jans")),
    "name contains a sign": F(name=TextFilter(contains="伟")),
    "name starts with": F(name=TextFilter(starts_with="van d")),
    "e-mail contains": F(email=TextFilter(contains="jansen", starts_with="jan")),
    "city": F(city=TextFilter(eq="Utrecht", in_=["Utrecht", "Kiel"], contains="u", starts_with="u")),
    "country": F(country=TextFilter(in_=["NL", "BE"], contains="l", starts_with="n")),
    "country and more of it": F(country=TextFilter(eq="NL", contains="l")),
    "all skills": F(skills=SkillFilter(has_all=["Python", "Java"])),
    "created": F(created_at=DateTimeRange(MOMENT, MOMENT)),
    "mobile": F(has_verified_mobile=True),
    "e-mail may be sent": F(eligible_for=Channel.EMAIL),
    "texts may be sent": F(eligible_for=Channel.SMS),
    "not eligible": F(not_=F(eligible_for=Channel.SMS)),
    "a whole name or a city": F(or_=[F(name=TextFilter(in_=["Ada Lovelace"])), F(city=TextFilter(eq="Kiel"))]),
    "a whole name": F(and_=[F(name=TextFilter(in_=["Ada Lovelace", "José García Núñez"]))]),
    "neither in a city nor with a skill": F(not_=F(or_=[F(city=TextFilter(eq="Kiel")), F(text="python")])),
}

PLACE: dict[str, tuple[Any, ...]] = {
    "CREATED_AT": (MOMENT, uuid4()),
    "LAST_NAME": ("lovelace", "ada", uuid4()),
}
WINDOWS = {"first": "", "after": "after", "last": "backward", "between": "after before backward"}

ELSEWHERE = re.compile(r"Sort|Hash|Merge|Seq Scan on candidate\b")
"""Steps of a plan that would not stop at the page's last row."""

INDEX = {"CREATED_AT": "candidate_by_creation", "LAST_NAME": "candidate_by_name"}

OF_A_COUNTRY = {
    "a country": F(country=TextFilter(eq="NL")),
    "a country and skills": F(country=TextFilter(eq="NL"), skills=SkillFilter(has_any=["Python", "Java"])),
    "a country, lately": F(country=TextFilter(eq="NL"), created_at=DateTimeRange(MOMENT, MOMENT)),
    "not of another": F(country=TextFilter(eq="NL"), not_=F(country=TextFilter(eq="BE"))),
}


class PlanningDatabase(Database):
    """Remembers the plans of its walks."""

    plans: list[str]

    async def walk(self, statement: str, *values: Any) -> list[Record]:
        nothing = ", ".join("NULL" for _ in values)
        async with self._walking.borrowed() as connection:
            await connection.execute(f"PREPARE walk AS {statement}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE walk({nothing})")
            await connection.execute("DEALLOCATE walk")
        self.plans.append("\n".join(row[0] for row in rows))
        return await super().walk(statement, *values)


@pytest.fixture
async def planning(database_url: str, world: World) -> Any:
    database = await PlanningDatabase.open(database_url, world.database.settings)
    database.plans = []
    yield database
    await database.close()


def window(order: str, given: str) -> Window:
    place = PLACE[order]
    return Window(25, "backward" in given, place if "after" in given else None, place if "before" in given else None)


async def plan(database: PlanningDatabase, account_id: UUID, listing: Listing, asked: Window) -> str:
    await read_page(database, account_id, listing, asked, Cursors(b"secret"))
    [plan] = database.plans
    database.plans.clear()
    return plan


@pytest.mark.parametrize("order", INDEX)
@pytest.mark.parametrize("name", FILTERS)
async def test_a_walk_goes_through_the_index_of_its_order(
    name: str, order: str, planning: PlanningDatabase, world: World
) -> None:
    for descending in (False, True):
        for given in WINDOWS.values():
            listing = lists.candidates(FILTERS[name], order, descending, RULES, planning.settings)
            found = await plan(planning, world.account_id, listing, window(order, given))
            assert f"using {INDEX[order]} on candidate" in found, found
            assert not ELSEWHERE.search(found), found
            assert "hashed" not in found or "whole name" in name, found
            assert "(account_id = $1)" in found, "It was planned for its values."


@pytest.mark.parametrize("name", OF_A_COUNTRY)
async def test_a_walk_through_a_country_passes_nobody_else(name: str, planning: PlanningDatabase, world: World) -> None:
    for descending in (False, True):
        for given in WINDOWS.values():
            listing = lists.candidates(OF_A_COUNTRY[name], "CREATED_AT", descending, RULES, planning.settings)
            found = await plan(planning, world.account_id, listing, window("CREATED_AT", given))
            assert "using candidate_by_country on candidate" in found, found
            assert not ELSEWHERE.search(found), found
            assert re.search(r"Index Cond: \(\(account_id = \$1\) AND \(+lower\(.*country", found), found
            listing = lists.candidates(OF_A_COUNTRY[name], "LAST_NAME", descending, RULES, planning.settings)
            found = await plan(planning, world.account_id, listing, window("LAST_NAME", given))
            assert "using candidate_by_name on candidate" in found, found


@pytest.mark.parametrize("order", INDEX)
async def test_a_walk_is_planned_once(order: str, planning: PlanningDatabase, world: World) -> None:
    for text in ("Ada", "Grace", "Alan"):
        listing = lists.candidates(F(text=text, name=TextFilter(contains=text)), order, True, RULES, planning.settings)
        await plan(planning, world.account_id, listing, Window(25))
    planned = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '-- A page of%'"
    assert [tuple(row) for row in await Database.walk(planning, planned)] == [(3, 0)]


@pytest.mark.parametrize("condition", SETS)
async def test_who_is_in_a_set_is_looked_for_by_a_plan_for_its_values(
    condition: str, planning: PlanningDatabase, world: World
) -> None:
    given: dict[str, Any] = {condition: str(uuid4())}
    within = F(**given)
    for filter in (within, F(not_=within), F(city=TextFilter(eq="Kiel"), or_=[F(text="ada"), within])):
        listing = lists.candidates(filter, "CREATED_AT", True, RULES, planning.settings)
        await read_page(planning, world.account_id, listing, Window(25), Cursors(b"secret"))
    assert planning.plans == []
