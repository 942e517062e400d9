"""Segments and their members."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.engine.batch import batch_field, part_field
from app.resolvers.loaders import campaigns as load_campaigns
from app.resolvers.loaders import exports as load_exports
from app.resolvers.loaders import segments as load
from app.schema.candidate import Candidate, CandidateConnection
from app.schema.connections import READS_CURSORS, READS_NOTHING, Connection, Counted, cursor, edges
from app.schema.enums import Channel
from app.schema.node import Node

if TYPE_CHECKING:
    from app.schema.campaign import CampaignConnection
    from app.schema.operation import MembershipOperationConnection

LaterCampaignConnection = Annotated["CampaignConnection", strawberry.lazy("app.schema.campaign")]
LaterMembershipOperationConnection = Annotated["MembershipOperationConnection", strawberry.lazy("app.schema.operation")]


@strawberry.type(description="One member of a segment.")
class SegmentMemberEdge:
    node: Candidate = part_field(1, description="The candidate.")
    added_at: datetime = part_field(1, "added_at", description="When the candidate was added.")

    @strawberry.field(
        description="Marks this place in the connection, for `after` and `before`.", metadata=READS_CURSORS
    )
    def cursor(self: Any) -> str:
        return cursor(self)


@strawberry.type(description="A page of the members of a segment.")
class SegmentMemberConnection(Counted):
    @strawberry.field(description="The members of this page with their cursors.", metadata=READS_NOTHING)
    def edges(self: Any) -> list[SegmentMemberEdge]:
        return edges(self)

    @strawberry.field(description="The members of this page.", metadata=READS_NOTHING)
    def nodes(self: Any) -> list[Candidate]:
        rows: list[Candidate] = self.rows
        return rows


@strawberry.type(description="A named set of candidates to be contacted through one channel.")
class Segment(Node):
    name: str = strawberry.field(description="Unique in the account, whatever its case.")
    channel: Channel = strawberry.field(description="How its members are contacted; it never changes.")
    created_at: datetime = strawberry.field(description="When it was made.")
    last_modified_at: datetime = strawberry.field(description="When the segment or its members last changed.")
    archived_at: datetime | None = strawberry.field(
        description=(
            "When it was archived. Nobody adds or removes members of an archived segment; those who may no longer be"
            " contacted leave it as they leave any other."
        )
    )
    member_count: int = strawberry.field(
        description="How many members it has. Kept with every change, so that it costs nothing to read."
    )
    members: SegmentMemberConnection = batch_field(
        load.members_by_segment,
        description="Its members. A candidate whose consent has just expired is left out at once.",
    )
    members_as_of: CandidateConnection = batch_field(
        load.members_as_of_by_segment,
        description=(
            "Who was in it at a moment, added last first: whoever had been added by then, that very moment included,"
            " and was not removed by then. Nobody before it was made. It is what was recorded: who had a consent expire"
            " stays in until their membership was ended; a change that is still under way will be dated when it began;"
            " and people who were erased since are gone. BAD_USER_INPUT for a moment in the future."
        ),
    )
    has_member: bool = batch_field(
        load.membership_by_segment, description="Whether the candidate is in it; false for an unknown candidate."
    )
    campaigns: LaterCampaignConnection = batch_field(
        load_campaigns.campaigns_by_segment,
        description="The campaigns that include or exclude it, those made last first.",
    )
    export_url: str | None = batch_field(
        load_exports.export_urls_by_segment,
        description=(
            "Where its members can be fetched as a file, as a path on this server. The address needs no token: whoever"
            " has it has the file, while it is good, by default for 5 minutes. The columns are id, externalId,"
            " firstName, lastName, email, verifiedMobile, city, country and addedAt. Null for who may not READ."
        ),
    )
    operations: LaterMembershipOperationConnection = batch_field(
        load.operations_by_segment, description="The history of additions and removals, newest first."
    )


@strawberry.type(description="A page of segments.")
class SegmentConnection(Connection[Segment]):
    pass
