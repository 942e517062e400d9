"""Segments and their members."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.engine.batch import batch_field
from app.resolvers.loaders import campaigns as load_campaigns
from app.resolvers.loaders import exports as load_exports
from app.resolvers.loaders import segments as load
from app.schema.candidate import Candidate
from app.schema.connections import Connection, Counted, edges
from app.schema.enums import Channel
from app.schema.node import Node

if TYPE_CHECKING:
    from app.schema.campaign import CampaignConnection
    from app.schema.operation import MembershipOperationConnection

LaterCampaignConnection = Annotated["CampaignConnection", strawberry.lazy("app.schema.campaign")]
LaterMembershipOperationConnection = Annotated["MembershipOperationConnection", strawberry.lazy("app.schema.operation")]


@strawberry.type(description="One member of a segment.")
class SegmentMemberEdge:
    @strawberry.field(description="Marks this place in the connection, for `after` and `before`.")
    def cursor(self: Any) -> str:
        page, row = self
        return str(page.cursor(row))

    @strawberry.field(description="The candidate.")
    def node(self: Any) -> Candidate:
        candidate: Candidate = self[1]
        return candidate

    @strawberry.field(description="When the candidate was added.")
    def added_at(self: Any) -> datetime:
        added_at: datetime = self[1]["added_at"]
        return added_at


@strawberry.type(description="A page of the members of a segment.")
class SegmentMemberConnection(Counted):
    @strawberry.field(description="The members of this page with their cursors.")
    def edges(self: Any) -> list[SegmentMemberEdge]:
        return edges(self)

    @strawberry.field(description="The members of this page.")
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
