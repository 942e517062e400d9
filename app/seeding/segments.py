"""The segments of a seeded account: filled by the same rules as any other."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.database import Database
from app.domain import segments
from app.domain.membership import add_candidates
from app.domain.search import CandidateFilter, SkillFilter, TextFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.models import Channel

REQUESTED_BY = "seed"

COUNT = """
-- How many members the account's segments have.
SELECT coalesce(sum(member_count), 0) FROM segment WHERE account_id = $1
"""


@dataclass(frozen=True, slots=True)
class SeededSegment:
    """A segment and whom it is filled with; nobody when it says nothing."""

    name: str
    channel: Channel
    countries: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    on_list: str | None = None
    archived: bool = False

    def filter(self, lists: Mapping[str, UUID]) -> CandidateFilter | None:
        """The search that finds its members."""
        if not (self.countries or self.skills or self.on_list):
            return None
        return CandidateFilter(
            country=TextFilter(in_=self.countries) if self.countries else None,
            skills=SkillFilter(has_any=self.skills) if self.skills else None,
            in_candidate_list=str(lists[self.on_list]) if self.on_list else None,
        )


SEGMENTS = (
    SeededSegment("Software engineers", Channel.EMAIL, skills=("Python", "Java", "TypeScript")),
    SeededSegment("Developers in the Low Countries", Channel.EMAIL, ("NL", "BE"), ("Python", "Java", "C#")),
    SeededSegment("Silver medallists", Channel.EMAIL, on_list="Silver medallists"),
    SeededSegment("Career fair Utrecht", Channel.EMAIL, on_list="Career fair Utrecht", archived=True),
    SeededSegment("Warehouse shifts", Channel.SMS, skills=("Warehousing", "Order Picking", "Forklift Licence")),
    SeededSegment("Care on call", Channel.SMS, skills=("Nursing", "Elderly Care", "Childcare")),
    SeededSegment("Drivers", Channel.SMS),
)


async def fill_segments(database: Database, account_id: UUID, lists: Mapping[str, UUID]) -> int:
    """Makes the segments and adds whom the contract has room for, each in its own change. Returns the members.

    Raises ContractInactiveError.
    """
    at_once = database.settings.model_copy(update={"inline_add_limit": sys.maxsize})
    for seeded in SEGMENTS:
        async with database.write(account_id) as tx:
            segment_id = await segments.create(tx, seeded.name, seeded.channel)
            found = seeded.filter(lists)
            if found is not None:
                selection = CandidateSelection(all_search_results=AllSearchResults(found))
                await add_candidates(tx, segment_id, selection, "FILL", REQUESTED_BY, at_once)
            if seeded.archived:
                await segments.archive(tx, segment_id)
    [row] = await database.fetch(COUNT, account_id)
    return int(row[0])
