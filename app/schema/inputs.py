"""What clients write: filters, orders and selections. They are the domain's own, described."""

from datetime import datetime

import strawberry

from app.domain import lists, search, selection
from app.schema.enums import (
    CandidateOrderField,
    Channel,
    OrderDirection,
    SegmentMemberOrderField,
    SegmentOrderField,
)

field = strawberry.field


@strawberry.input(description="Conditions on a text, whatever its case; those given must all hold.")
class TextFilter(search.TextFilter):
    eq: str | None = field(default=None, description="The whole text.")
    in_: list[str] | None = field(default=None, name="in", description="One of these whole texts; at most 1,000.")
    contains: str | None = field(
        default=None, description="The text anywhere within. From 3 characters on an index helps."
    )
    starts_with: str | None = field(
        default=None, description="The start of the text; for a name, of the last or the full name."
    )


@strawberry.input(description="Conditions on a candidate's skills, compared whole, whatever their case.")
class SkillFilter(search.SkillFilter):
    has_all: list[str] | None = field(default=None, description="Every one of these; at most 1,000.")
    has_any: list[str] | None = field(default=None, description="At least one of these; at most 1,000.")


@strawberry.input(description="A span of time.")
class DateTimeRange(search.DateTimeRange):
    from_: datetime | None = field(default=None, name="from", description="From this moment on, itself included.")
    to: datetime | None = field(default=None, description="Until this moment, itself excluded.")


@strawberry.input(
    description=(
        "A search for candidates: the same to look and to add all that it finds. Conditions given must all hold."
        " `and`, `or` and `not` nest at most 4 deep, with at most 100 conditions in all; an empty filter counts as one."
        " An id that is unknown, or of another kind, finds nobody."
    )
)
class CandidateFilter(search.CandidateFilter):
    and_: list["CandidateFilter"] | None = field(default=None, name="and", description="All of these hold.")
    or_: list["CandidateFilter"] | None = field(
        default=None, name="or", description="At least one of these holds; an empty list finds nobody."
    )
    not_: "CandidateFilter | None" = field(default=None, name="not", description="This does not hold.")
    text: str | None = field(
        default=None,
        description=(
            "Words anywhere in name, e-mail address, headline, skills or city, whatever their case and accents;"
            " the last word may be unfinished. A blank text demands nothing."
        ),
    )
    name: TextFilter | None = field(
        default=None,
        description=(
            "The full name: first name, space, last name. Whole names asked for have at most 10,000 spaces in all."
        ),
    )
    email: TextFilter | None = field(default=None, description="The e-mail address.")
    city: TextFilter | None = field(default=None, description="The city the candidate lives in.")
    country: TextFilter | None = field(default=None, description="The country, as it was given: usually two letters.")
    skills: SkillFilter | None = field(default=None, description="What the candidate can do.")
    created_at: DateTimeRange | None = field(default=None, description="When the candidate was created.")
    registered_for_vacancy: strawberry.ID | None = field(
        default=None, description="Has an application for this vacancy."
    )
    in_candidate_list: strawberry.ID | None = field(default=None, description="Is on this candidate list.")
    in_segment: strawberry.ID | None = field(default=None, description="Is a member of this segment.")
    accepted_policy: strawberry.ID | None = field(
        default=None, description="Has an active consent for this privacy policy."
    )
    has_verified_mobile: bool | None = field(default=None, description="Has a verified mobile number, or has none.")
    eligible_for: Channel | None = field(default=None, description="May join segments of this channel.")


@strawberry.input(description="What candidates are sorted by.")
class CandidateOrder:
    field: CandidateOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which end comes first.")


@strawberry.input(description="Conditions on segments; those given must all hold.")
class SegmentFilter(lists.SegmentFilter):
    name_contains: str | None = field(default=None, description="The text anywhere in the name, whatever its case.")
    channel: Channel | None = field(default=None, description="Only segments of this channel.")
    archived: bool | None = field(
        default=False, description="Only archived segments, or only those that are not; null for both."
    )
    available_for: strawberry.ID | None = field(
        default=None,
        description=(
            "Only segments that this candidate is not in and is eligible for: the list behind the + on a profile."
            " An unknown candidate has none."
        ),
    )


@strawberry.input(description="What segments are sorted by.")
class SegmentOrder:
    field: SegmentOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which end comes first.")


@strawberry.input(description="What the members of a segment are sorted by.")
class SegmentMemberOrder:
    field: SegmentMemberOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which end comes first.")


@strawberry.input(description="Conditions on vacancies; those given must all hold.")
class VacancyFilter:
    title_contains: str | None = field(default=None, description="The text anywhere in the title, whatever its case.")
    open: bool | None = field(default=None, description="Only open vacancies, or only closed ones.")


@strawberry.input(description="Conditions on candidate lists.")
class CandidateListFilter:
    name_contains: str | None = field(default=None, description="The text anywhere in the name, whatever its case.")


@strawberry.input(description="Conditions on campaigns; those given must all hold.")
class CampaignFilter:
    name_contains: str | None = field(default=None, description="The text anywhere in the name, whatever its case.")
    channel: Channel | None = field(default=None, description="Only campaigns of this channel.")


@strawberry.input(description="Conditions on suppressed addresses; those given must all hold.")
class SuppressionFilter:
    channel: Channel | None = field(default=None, description="Only addresses of this channel.")
    address_contains: str | None = field(
        default=None, description="The text anywhere in the address, whatever its case."
    )


@strawberry.input(description="All candidates that a search finds when the request is made.")
class AllSearchResults(selection.AllSearchResults):
    filter: CandidateFilter = field(
        default_factory=CandidateFilter, description="The search; without conditions it finds everybody."
    )
    except_ids: list[strawberry.ID] | None = field(
        default=None, description="Candidates to leave out though the search finds them; at most 1,000."
    )
    expected_count: int | None = field(
        default=None,
        description="The count the user saw. If the search finds another number now, nothing is done.",
    )


@strawberry.input(one_of=True, description="Candidates that were ticked, or all that a search finds.")
class CandidateSelection(selection.CandidateSelection):
    ids: list[strawberry.ID] | None = field(
        default=strawberry.UNSET, description="Ticked candidates, at most 1,000; one named twice counts once."
    )
    all_search_results: AllSearchResults | None = field(
        default=strawberry.UNSET, description="Everybody that the search finds."
    )

    def __post_init__(self) -> None:
        """The domain knows None only."""
        self.ids = None if self.ids is strawberry.UNSET else self.ids
        self.all_search_results = self.all_search_results or None
