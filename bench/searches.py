"""The searches that are measured: every condition of the filter, for many, for few and for nobody."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.search import CandidateFilter, DateTimeRange, SkillFilter, TextFilter
from app.models import Channel
from bench.population import BESIDE, EXTREMES, LARGE, known


@dataclass(frozen=True, slots=True)
class Search:
    name: str
    filter: CandidateFilter | None
    account: str = LARGE


NOBODY = "zzqxjw"


def searches(now: datetime | None = None) -> list[Search]:
    return [*_words(), *_texts(), *_related(), *_plain(now or datetime.now(UTC)), *_combined()]


def _of(name: str, /, **conditions: Any) -> Search:
    return Search(name, CandidateFilter(**conditions))


def _words() -> Iterator[Search]:
    yield Search("none", None)
    texts = ("a", "z", "x", "an", "sql", "python", "python utrecht", "nurse kiel p", "jansen p", "vogel python example",
             "rust prince2 payroll", "welder o'brien", "伟", NOBODY)  # fmt: skip
    for text in texts:
        yield _of(f"text {text}", text=text)
    for skills in (["Python"], ["Spanish"], ["Python", "Java"], ["Spanish", "Dutch", "French"], [NOBODY]):
        yield _of(f"skills hasAll {' + '.join(skills)}", skills=SkillFilter(has_all=skills))
    yield _of("skills hasAny common", skills=SkillFilter(has_any=["Python", "Java", "C++"]))
    yield _of("skills hasAny rare", skills=SkillFilter(has_any=["Spanish", NOBODY]))
    yield _of("skills hasAny nobody", skills=SkillFilter(has_any=[NOBODY, NOBODY + "x"]))


def _texts() -> Iterator[Search]:
    values = {
        "name": (
            "Jan Jansen",
            ("an", "jans", "vog", "exa", "com", "zzq", "qx", "q", "伟", NOBODY),
            ("j", "jan", "van d", "zw", "伟", NOBODY),
        ),
        "email": (
            "jan.jansen@example.com",
            ("@example.com", "jansen", "example.co@", "zq", "qx", NOBODY),
            ("j", "jan", "zw", NOBODY),
        ),
        "city": ("Utrecht", ("am", "dam", "utrec", "exa", "qx", NOBODY), ("a", "ams", "zw", NOBODY)),
        "country": ("NL", ("n", "nl", "zx", NOBODY), ("n", "cn", "q", NOBODY)),
    }
    for field, (whole, contained, starts) in values.items():
        yield _of(f"{field} eq {whole}", **{field: TextFilter(eq=whole)})
        yield _of(f"{field} eq {NOBODY}", **{field: TextFilter(eq=f"{NOBODY} {NOBODY}")})
        yield _of(f"{field} in", **{field: TextFilter(in_=[whole, NOBODY, f"{NOBODY} x"])})
        for value in contained:
            yield _of(f"{field} contains {value}", **{field: TextFilter(contains=value)})
        for value in starts:
            yield _of(f"{field} startsWith {value}", **{field: TextFilter(starts_with=value)})
    yield _of("country eq CN", country=TextFilter(eq="CN"))


def _related() -> Iterator[Search]:
    for field in ("registered_for_vacancy", "in_candidate_list", "in_segment", "accepted_policy"):
        for extreme in EXTREMES:
            yield _of(f"{field} {extreme.name}", **{field: str(known(extreme.name))})
    yield _of("accepted_policy ended", accepted_policy=str(known("ended")))


def _plain(now: datetime) -> Iterator[Search]:
    yield _of("hasVerifiedMobile true", has_verified_mobile=True)
    yield _of("hasVerifiedMobile false", has_verified_mobile=False)
    yield Search("hasVerifiedMobile true, nobody here", CandidateFilter(has_verified_mobile=True), BESIDE)
    yield Search("eligibleFor SMS, nobody here", CandidateFilter(eligible_for=Channel.SMS), BESIDE)
    for channel in Channel:
        yield _of(f"eligibleFor {channel}", eligible_for=channel)
    ages = {
        "last year": (365, 0),
        "an old year": (1000, 635),
        "an old month": (1000, 970),
        "an old hour": (900, 900 - 1 / 24),
        "future": (-10, -20),
    }
    for name, (start, end) in ages.items():
        span = DateTimeRange(now - timedelta(days=start), now - timedelta(days=end))
        yield _of(f"createdAt {name}", created_at=span)


def _combined() -> Iterator[Search]:
    few, half, oldest = (str(known(name)) for name in ("few", "half", "oldest"))
    f = CandidateFilter
    yield _of("not city Utrecht", not_=f(city=TextFilter(eq="Utrecht")))
    yield _of("not in half", not_=f(in_segment=half))
    yield _of("not future", not_=f(created_at=DateTimeRange(datetime(2000, 1, 1, tzinfo=UTC))))
    yield _of("few and not half", in_candidate_list=few, not_=f(in_segment=half))
    yield _of("oldest and not half", in_candidate_list=oldest, not_=f(in_segment=half))
    yield _of("few or oldest", or_=[f(in_candidate_list=few), f(in_segment=oldest)])
    yield _of("few or Jan Jansen", or_=[f(in_candidate_list=few), f(name=TextFilter(eq="Jan Jansen"))])
    yield _of("city or rare e-mail", or_=[f(city=TextFilter(eq="Kiel")), f(email=TextFilter(contains="zzq"))])
    yield _of("two common", country=TextFilter(eq="NL"), skills=SkillFilter(has_all=["Python"]))
    yield _of("two common, never together", country=TextFilter(eq="NL"), city=TextFilter(eq="Kiel"))
    yield _of("eligible, on few", eligible_for=Channel.SMS, in_candidate_list=few)
    yield _of("eligible, of oldest", eligible_for=Channel.SMS, in_candidate_list=oldest)
    yield _of("eligible, not in half", eligible_for=Channel.EMAIL, not_=f(in_segment=half))
    yield _of("eligible, Dutch Python", eligible_for=Channel.SMS, text="python", country=TextFilter(eq="NL"))
    yield _of("oldest, recent", in_segment=oldest, created_at=DateTimeRange(datetime.now(UTC) - timedelta(days=30)))
