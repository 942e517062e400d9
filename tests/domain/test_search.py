"""The candidate search finds whom the filter means, in any script, whatever stands in it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.eligibility import Rules, rules
from app.domain.errors import BadUserInputError
from app.domain.search import CandidateFilter, DateTimeRange, SkillFilter, TextFilter, where
from app.domain.sql import Parameters
from app.models import Channel
from app.schema.inputs import TextFilter as GraphTextFilter
from app.settings import Settings
from tests.domain.population import MOMENT, PEOPLE, Population
from tests.world import GENERAL, SMS, World

DEMANDS_NOTHING = Rules(dict.fromkeys(Channel, ()), frozenset())


@pytest.fixture
async def population(world: World) -> Population:
    return await Population.settle(world, PEOPLE)


async def names(population: Population, **conditions: Any) -> list[str]:
    """The last names of whom the search finds, which the model finds too."""
    filter = CandidateFilter(**conditions)
    found = await population.found(filter)
    assert found == population.expected(filter)
    return sorted(person.last_name for person in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lovelace", ["Lovelace"]),
        ("LOVE", ["Lovelace"]),
        ("ada lon", ["Lovelace"]),
        ("lond ada", []),
        ("mathematics gb", []),
        ("jose garcia", ["Garcia", "García Núñez"]),
        ("josé garcía", ["Garcia", "García Núñez"]),
        ("MÁLAGA", ["Garcia", "García Núñez"]),
        ("cafe", ["Garcia"]),
        ("o'brien", ["O'Brien"]),
        ('"best"', ["O'Brien"]),
        ("c++", ["Lovelace"]),
        ("c#", ["Garcia"]),
        (".net", ["O'Brien"]),
        ("strassenbau", ["Weiß"]),
        ("WEISS", ["Weiß"]),
        ("weiß", ["Weiß"]),
        ("izmir", ["Yılmaz"]),
        ("İZMİR", ["Yılmaz"]),
        ("yılmaz", ["Yılmaz"]),
        ("yilmaz", ["Yılmaz"]),
        ("ισικ", []),
        ("νίκος", ["Παπαδόπουλος", "ΠΑΠΑΔΌΠΟΥΛΟΣ"]),
        ("νικοσ παπαδοπουλος", ["Παπαδόπουλος", "ΠΑΠΑΔΌΠΟΥΛΟΣ"]),
        ("王", ["王"]),
        ("工程", ["王"]),
        ("водін", ["Лук'яненко"]),
        ("лук'яненко", ["Лук'яненко"]),
        ("berg-jans", ["van der Berg-Jansen"]),
        ("html/css", ["van der Berg-Jansen"]),
        ("😀", ["de Vries 😀"]),
        ("angstrom", ["Ångström"]),
        ("example.se z", ["Ångström"]),
    ],
)
async def test_text_finds_words_without_case_and_accents(population: Population, text: str, found: list[str]) -> None:
    assert await names(population, text=text) == sorted(found)


@pytest.mark.parametrize("length", [113, 114, 166, 200])
async def test_a_word_of_signs_that_stand_for_words_may_be_of_any_length(population: Population, length: int) -> None:
    assert await names(population, text="\N{SQUARE KIROMEETORU}" * length) == []


@pytest.mark.parametrize("text", ["", "   "])
async def test_a_blank_text_demands_nothing(population: Population, text: str) -> None:
    assert len(await names(population, text=text)) == len(PEOPLE)
    assert await names(population, not_=CandidateFilter(text=text)) == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", '"', "-", "&", "|", "!", ":*", "''", "\\'", "()"])
async def test_a_text_without_a_word_finds_nobody(population: Population, text: str) -> None:
    assert await names(population, text=text) == []


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (TextFilter(eq="ada lovelace"), ["Lovelace"]),
        (TextFilter(eq="ada"), []),
        (TextFilter(eq="Jan Willem Smit"), ["Smit", "Willem Smit"]),
        (TextFilter(eq="νΊκος παπαδόπουλοΣ"), ["ΠΑΠΑΔΌΠΟΥΛΟΣ"]),
        (TextFilter(in_=["ADA BYRON", "伟 王", "nobody here"]), ["Byron", "王"]),
        (TextFilter(in_=[]), []),
        (TextFilter(contains="a l"), ["Lovelace"]),
        (TextFilter(contains="王"), ["王"]),
        (TextFilter(contains="'"), ["O'Brien", "Лук'яненко"]),
        (TextFilter(contains="%"), []),
        (TextFilter(contains="_"), []),
        (TextFilter(contains=""), [person.last_name for person in PEOPLE]),
        (TextFilter(starts_with="jan w"), ["Smit", "Willem Smit"]),
        (TextFilter(starts_with="willem"), ["Willem Smit"]),
        (TextFilter(starts_with="VAN DER"), ["van der Berg-Jansen"]),
        (TextFilter(starts_with="a", contains="byron"), ["Byron"]),
    ],
)
async def test_names_are_full_names(population: Population, filter: TextFilter, found: list[str]) -> None:
    assert await names(population, name=filter) == sorted(found)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (TextFilter(eq="jose@EXAMPLE.com"), ["Garcia"]),
        (TextFilter(in_=["jw@example.nl", "sinead.o'brien@example.ie"]), ["O'Brien", "Willem Smit"]),
        (TextFilter(contains="_"), ["van der Berg-Jansen"]),
        (TextFilter(contains="b%c"), ["Smit", "van der Berg-Jansen"]),
        (TextFilter(starts_with="a_b"), ["van der Berg-Jansen"]),
        (TextFilter(starts_with="a%"), []),
        (TextFilter(contains="\\"), []),
    ],
)
async def test_email_takes_special_characters_literally(
    population: Population, filter: TextFilter, found: list[str]
) -> None:
    assert await names(population, email=filter) == sorted(found)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (TextFilter(eq="UTRECHT"), ["Smit", "Willem Smit"]),
        (TextFilter(eq="málaga"), ["García Núñez"]),
        (TextFilter(eq="izmir"), ["Yılmaz"]),
        (TextFilter(eq="gießen"), ["Weiß"]),
        (TextFilter(in_=["上海", "cork"]), ["O'Brien", "王"]),
        (TextFilter(contains="on"), ["Lovelace"]),
        (TextFilter(contains="laga"), ["Garcia", "García Núñez"]),
        (TextFilter(contains="海"), ["王"]),
        (TextFilter(starts_with="'s-h"), ["van der Berg-Jansen"]),
    ],
)
async def test_city(population: Population, filter: TextFilter, found: list[str]) -> None:
    assert await names(population, city=filter) == sorted(found)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (TextFilter(eq="gr"), ["Παπαδόπουλος", "ΠΑΠΑΔΌΠΟΥΛΟΣ"]),
        (TextFilter(in_=["es", "SE"]), ["Garcia", "García Núñez", "Ångström"]),
        (TextFilter(contains="e"), ["Garcia", "García Núñez", "O'Brien", "Weiß", "Ångström"]),
        (TextFilter(starts_with="e"), ["Garcia", "García Núñez"]),
        (TextFilter(contains="_"), []),
    ],
)
async def test_country(population: Population, filter: TextFilter, found: list[str]) -> None:
    assert await names(population, country=filter) == sorted(found)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (SkillFilter(has_all=["c++"]), ["Lovelace"]),
        (SkillFilter(has_all=["c"]), []),
        (SkillFilter(has_all=["C#", "COOKING"]), ["Garcia"]),
        (SkillFilter(has_any=["c#", "cooking"]), ["Garcia", "García Núñez"]),
        (SkillFilter(has_any=[".net", "R"]), ["O'Brien", "Willem Smit"]),
        (SkillFilter(has_any=["a_b"]), ["van der Berg-Jansen"]),
        (SkillFilter(has_any=["100%", "teaching 🎓"]), ["Smit", "de Vries 😀"]),
        (SkillFilter(has_any=["ingilizce", "焊接"]), ["Yılmaz", "王"]),
        (SkillFilter(has_any=["' | 'skill:r", "\\", "''", ""]), []),
        (SkillFilter(has_any=[]), []),
        (SkillFilter(has_all=[]), [person.last_name for person in PEOPLE]),
        (SkillFilter(), [person.last_name for person in PEOPLE]),
    ],
)
async def test_skills_are_compared_whole(population: Population, filter: SkillFilter, found: list[str]) -> None:
    assert await names(population, skills=filter) == sorted(found)


async def test_created_at_includes_its_start_and_excludes_its_end(population: Population) -> None:
    then = population.now - timedelta(days=3)
    assert "Lovelace" in await names(population, created_at=DateTimeRange(from_=then))
    assert "Lovelace" not in await names(population, created_at=DateTimeRange(to=then))
    assert await names(population, created_at=DateTimeRange(then, then)) == []


async def test_relations(population: Population) -> None:
    assert await names(population, registered_for_vacancy="open") == ["Garcia", "王"]
    assert await names(population, in_candidate_list="gold") == ["Lovelace", "王"]
    assert await names(population, in_candidate_list="empty") == []
    assert await names(population, in_segment="welders") == ["Weiß", "van der Berg-Jansen"]
    assert await names(population, in_segment="not an id") == []


async def test_accepted_policy_means_an_active_consent(population: Population) -> None:
    assert "Garcia" not in await names(population, accepted_policy=SMS)
    assert "Yılmaz" not in await names(population, accepted_policy=GENERAL)
    assert "Παπαδόπουλος" in await names(population, accepted_policy=SMS)


async def test_verified_mobile_and_eligibility(population: Population) -> None:
    with_mobile = await names(population, has_verified_mobile=True)
    without = await names(population, has_verified_mobile=False)
    assert sorted([*with_mobile, *without]) == sorted(person.last_name for person in PEOPLE)
    assert "O'Brien" in await names(population, eligible_for=Channel.EMAIL)
    assert "O'Brien" not in await names(population, eligible_for=Channel.SMS)


async def test_not_finds_those_who_lack_the_value(population: Population) -> None:
    assert "Byron" in await names(population, not_=CandidateFilter(city=TextFilter(eq="Utrecht")))
    assert "Byron" in await names(population, not_=CandidateFilter(email=TextFilter(contains="a")))
    assert "Byron" in await names(population, not_=CandidateFilter(country=TextFilter(starts_with="n")))
    assert "Byron" in await names(population, not_=CandidateFilter(eligible_for=Channel.SMS))
    nobody = CandidateFilter(not_=CandidateFilter(city=TextFilter(eq="Utrecht")))
    assert await names(population, not_=nobody) == ["Smit", "Willem Smit"]


async def test_a_lapsed_member_is_not_in_the_segment(world: World) -> None:
    [id] = await world.candidates(1)
    segment_id = await world.segment()
    await world.add(segment_id)
    filter = CandidateFilter(in_segment=str(segment_id))
    assert await ids(world, filter) == [id]
    expire = "UPDATE consent SET expires_at = clock_timestamp() WHERE account_id = $1"
    await world.database.fetch(expire, world.account_id)
    assert await ids(world, filter) == []
    assert await ids(world, CandidateFilter(not_=filter)) == [id]


async def ids(world: World, filter: CandidateFilter) -> list[UUID]:
    p = Parameters(world.account_id)
    condition = where(filter, p, await rules(world.database, world.account_id), world.database.settings)
    rows = await world.database.search(f"SELECT id FROM candidate c WHERE account_id = $1 AND {condition}", *p.values)
    return [row["id"] for row in rows]


async def test_a_search_finds_nobody_of_another_account(world: World, other_world: World) -> None:
    [theirs] = await other_world.candidates(1, first_name="Ada")
    segment_id = await other_world.segment()
    await other_world.add(segment_id)
    for filter in (
        CandidateFilter(text="ada"),
        CandidateFilter(in_segment=str(segment_id)),
        CandidateFilter(or_=[CandidateFilter(in_segment=str(segment_id)), CandidateFilter(text="ada")]),
        CandidateFilter(accepted_policy=str(other_world.policies[GENERAL])),
        CandidateFilter(not_=CandidateFilter(text="nobody")),
    ):
        assert await ids(world, filter) == []
        assert await ids(other_world, filter) in ([theirs], [])


@pytest.mark.parametrize("kind", [TextFilter, GraphTextFilter])
def test_one_condition_on_a_text_is_seen_to_be_alone_whoever_asks(kind: type[TextFilter]) -> None:
    assert CandidateFilter(name=kind(contains="a")).unserved
    assert not CandidateFilter(name=kind(contains="a", starts_with="b")).unserved
    assert CandidateFilter(country=kind(eq="NL")).whole_country == "NL"
    assert CandidateFilter(country=kind(eq="NL", contains="n")).whole_country is None
    assert CandidateFilter(country=kind(contains="n")).whole_country is None


# Any filter at all

ALPHABET = "aeAjzoßİıσςΣñé王 .-_%'\\+#😀"
texts = st.one_of(
    st.text(ALPHABET, max_size=4),
    st.sampled_from([person.last_name for person in PEOPLE]),
    st.sampled_from([person.name for person in PEOPLE]).flatmap(
        lambda name: st.integers(0, len(name)).map(lambda start: name[start : start + 3])
    ),
)
some_texts = st.lists(texts, max_size=3)


def text_filters(values: st.SearchStrategy[str]) -> st.SearchStrategy[TextFilter]:
    values = values | texts
    chosen = st.none() | values
    return st.builds(
        TextFilter, eq=chosen, in_=st.none() | st.lists(values, max_size=3), contains=chosen, starts_with=chosen
    )


def one_of_people(column: str) -> st.SearchStrategy[str]:
    return st.sampled_from([value for person in PEOPLE if (value := getattr(person, column)) is not None])


skills = st.sampled_from([skill for person in PEOPLE for skill in person.skills]) | texts
moments = st.none() | st.sampled_from(sorted({MOMENT - person.age for person in PEOPLE}))
conditions: dict[str, st.SearchStrategy[Any]] = {
    "created_at": st.builds(DateTimeRange, moments, moments),
    "text": texts | one_of_people("headline"),
    "name": text_filters(one_of_people("name")),
    "email": text_filters(one_of_people("email")),
    "city": text_filters(one_of_people("city")),
    "country": text_filters(one_of_people("country")),
    "skills": st.builds(
        SkillFilter,
        has_all=st.none() | st.lists(skills, max_size=2),
        has_any=st.none() | st.lists(skills, max_size=3),
    ),
    "registered_for_vacancy": st.sampled_from(["open", "closed", "empty"]),
    "in_candidate_list": st.sampled_from(["gold", "empty"]),
    "in_segment": st.sampled_from(["welders", "nurses", "empty"]),
    "accepted_policy": st.sampled_from([GENERAL, SMS]),
    "has_verified_mobile": st.booleans(),
    "eligible_for": st.sampled_from(Channel),
}
leaves = st.sampled_from(sorted(conditions)).flatmap(
    lambda name: conditions[name].map(lambda value: CandidateFilter(**{name: value}))
)


def filter_of(given: dict[str, Any]) -> CandidateFilter:
    return CandidateFilter(**given)


of_a_country = st.fixed_dictionaries(
    {"country": st.builds(TextFilter, eq=one_of_people("country"))},
    optional={
        **{name: conditions[name] for name in ("created_at", "text", "skills", "in_segment", "has_verified_mobile")},
        "and_": st.lists(leaves, max_size=2),
        "or_": st.lists(leaves, min_size=1, max_size=2),
        "not_": leaves,
    },
).map(filter_of)


def nested(inner: st.SearchStrategy[CandidateFilter]) -> st.SearchStrategy[CandidateFilter]:
    several = st.lists(inner, max_size=3)
    return (
        several.map(lambda filters: CandidateFilter(and_=filters))
        | several.map(lambda filters: CandidateFilter(or_=filters))
        | inner.map(lambda filter: CandidateFilter(not_=filter))
        | st.tuples(inner, inner).map(lambda two: CandidateFilter(and_=[two[0]], not_=two[1]))
    )


filters = leaves | of_a_country | nested(leaves) | nested(nested(leaves)) | nested(nested(nested(leaves)))


@given(filter=filters, by_name=st.booleans(), descending=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_filter_finds_whom_it_means(
    population: Population, filter: CandidateFilter, by_name: bool, descending: bool
) -> None:
    field = "LAST_NAME" if by_name else "CREATED_AT"
    expected = population.expected(filter, field, descending)
    assert await population.found(filter, 100, field, descending) == expected
    assert await population.found(filter, 2, field, descending) == expected[:2]


# Limits

LONGEST = Settings().max_text_length


def nested_filter(depth: int) -> CandidateFilter:
    """A condition inside so many `not`."""
    return CandidateFilter(text="a") if depth == 0 else CandidateFilter(not_=nested_filter(depth - 1))


REFUSED = {
    "too deep": nested_filter(5),
    "too many conditions": CandidateFilter(or_=[CandidateFilter(text="a")] * 100),
    "too many empty filters": CandidateFilter(or_=[CandidateFilter()] * 100),
    "too many spaces in names": CandidateFilter(or_=[CandidateFilter(name=TextFilter(in_=["a " * 60] * 90))] * 2),
    "text too long": CandidateFilter(text="x" * (LONGEST + 1)),
    "name too long": CandidateFilter(name=TextFilter(contains="x" * (LONGEST + 1))),
    "skill too long": CandidateFilter(skills=SkillFilter(has_any=["x" * (LONGEST + 1)])),
    "too many cities": CandidateFilter(city=TextFilter(in_=["x"] * 1001)),
    "too many skills": CandidateFilter(skills=SkillFilter(has_all=["x"] * 1001)),
    "NUL": CandidateFilter(text="a\x00"),
    "line break": CandidateFilter(email=TextFilter(eq="a\nb")),
    "escape": CandidateFilter(skills=SkillFilter(has_any=["\x1b"])),
    "lone surrogate": CandidateFilter(name=TextFilter(starts_with="\ud800")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_filter_that_is_too_big_is_refused(case: str) -> None:
    with pytest.raises(BadUserInputError):
        where(REFUSED[case], Parameters(uuid4()), DEMANDS_NOTHING, Settings())


def test_and_or_and_not_nest_four_deep_and_no_deeper() -> None:
    where(nested_filter(4), Parameters(uuid4()), DEMANDS_NOTHING, Settings())
    with pytest.raises(BadUserInputError, match="at most 4 deep"):
        where(REFUSED["too deep"], Parameters(uuid4()), DEMANDS_NOTHING, Settings())


async def test_the_largest_filter_is_answered(population: Population) -> None:
    branches = [CandidateFilter(in_segment="nurses", text=f"{letter}") for letter in "abcdefghij" * 4]
    assert await population.found(CandidateFilter(or_=branches[:32]))
    assert await names(population, text="x" * LONGEST) == []
    assert await names(population, skills=SkillFilter(has_any=["x" * LONGEST] * 1000)) == []
    assert await names(population, name=TextFilter(in_=["a b c d e f g"] * 1000)) == []
    assert len(await names(population, and_=[nested_filter(1), nested_filter(2), nested_filter(3)])) == 0
