"""What changed memberships."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from app.domain.eligibility import codes_of
from app.engine.batch import batch_field, part_field
from app.resolvers.loaders import segments as load
from app.schema.candidate import Candidate
from app.schema.connections import READS_CURSORS, Connection, Counted, cursor, edges
from app.schema.enums import IneligibilityCode, MembershipOperationKind, MembershipOperationStatus
from app.schema.node import Node
from app.schema.segment import Segment


@strawberry.type(description="How many candidates have one reason not to join.")
class IneligibleCount:
    code: IneligibilityCode = strawberry.field(description="The reason.")
    count: int = strawberry.field(description="How many have it; one with several reasons counts under each.")


@strawberry.type(description="One candidate who was left out.")
class SkippedCandidateEdge:
    node: Candidate = part_field(1, description="The candidate, as they are now.")

    @strawberry.field(description="Marks this place in the connection, for `after`.", metadata=READS_CURSORS)
    def cursor(self: Any) -> str:
        return cursor(self)

    @strawberry.field(
        description="Every reason there was when the operation ran; none when only the contract was full."
    )
    def reasons(self: Any) -> list[IneligibilityCode]:
        return codes_of(self[1]["reasons"])

    @strawberry.field(description="Whether the candidate was eligible and the contract had no room.")
    def over_quota(self: Any) -> bool:
        return not self[1]["reasons"]


@strawberry.type(description="A page of candidates who were left out.")
class SkippedCandidateConnection(Counted):
    @strawberry.field(description="The candidates of this page with their cursors.")
    def edges(self: Any) -> list[SkippedCandidateEdge]:
        return edges(self)


@strawberry.type(description="One addition or removal: its progress while it runs, its record afterwards.")
class MembershipOperation(Node):
    kind: MembershipOperationKind = strawberry.field(description="What it does.")
    status: MembershipOperationStatus = strawberry.field(description="How far it has come.")
    segment: Segment | None = batch_field(
        load.segments_by_id, key="segment_id", description="The segment. Null once the segment has been deleted."
    )
    requested_by: str = strawberry.field(
        description="The subject of the token that asked for it, or `segments` when nobody did."
    )
    cause: str | None = strawberry.field(
        description=(
            "Why it was, in words, where nobody asked for it itself: every ELIGIBILITY_LOST has one, and so has the"
            " removal of all members when their segment is deleted."
        )
    )
    requested_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null while it has not.")
    matched_count: int = strawberry.field(
        description=(
            "How many candidates it is about: for an addition, those selected; for a removal, those of them who were"
            " members. A completed addition adds up: matched = added + already member + ineligible + over quota. Who"
            " leaves otherwise before a queued removal comes to them is matched and not removed."
        )
    )
    processed_count: int = strawberry.field(description="How many of them have been dealt with.")
    added_count: int = strawberry.field(description="How many became members.")
    removed_count: int = strawberry.field(description="How many are no longer members.")
    already_member_count: int = strawberry.field(description="How many were members before.")
    ineligible_count: int = strawberry.field(description="How many were left out because they may not join.")
    over_quota_count: int = strawberry.field(description="How many were left out because the contract had no room.")
    skipped: SkippedCandidateConnection = batch_field(
        load.skipped_by_operation,
        description=(
            "Who was left out and why: those who may not join and those for whom there was no room. At most 100,000"
            " are kept by name; the counts are exact always."
        ),
    )
    failure: str | None = strawberry.field(description="Why it could not go on, if it FAILED.")
    undone_operation: Annotated["MembershipOperation", strawberry.lazy("app.schema.operation")] | None = batch_field(
        load.operations_by_id, key="undoes", description="For an UNDO, the operation that it takes back."
    )

    @strawberry.field(
        description="How many were left out, by reason; a candidate with several reasons counts under each."
    )
    def ineligible(self: Any) -> list[IneligibleCount]:
        return ineligible_counts(self["ineligible"])


def ineligible_counts(counts: dict[str, int]) -> list[IneligibleCount]:
    """Counts by reason, in the order in which reasons are declared."""
    return [IneligibleCount(code=code, count=counts[code]) for code in IneligibilityCode if counts.get(code)]


@strawberry.type(description="A page of operations.")
class MembershipOperationConnection(Connection[MembershipOperation]):
    pass
