"""What segments are for."""

from datetime import datetime

import strawberry

from app.engine.batch import batch_field
from app.resolvers.loaders import campaigns as load
from app.resolvers.loaders import exports as load_exports
from app.schema.candidate import CandidateConnection
from app.schema.connections import Connection
from app.schema.enums import Channel
from app.schema.node import Node
from app.schema.segment import Segment


@strawberry.type(description="Something to be sent through one channel, to the members of segments.")
class Campaign(Node):
    name: str = strawberry.field(description="What it is called. Others may be called the same.")
    channel: Channel = strawberry.field(description="How its audience is contacted; it never changes.")
    created_at: datetime = strawberry.field(description="When it was made.")
    included_segments: list[Segment] = batch_field(
        load.included_by_campaign, description="The segments whose members it is for, by name."
    )
    excluded_segments: list[Segment] = batch_field(
        load.excluded_by_campaign,
        description="The segments whose members it leaves out even when they are in an included one, by name.",
    )
    audience: CandidateConnection = batch_field(
        load.audience_by_campaign,
        key="id_and_channel",
        description=(
            "Who it would reach now: members of an included segment and of no excluded one who are eligible at this"
            " moment, each once, in the order in which they became known. Archived segments count like others."
        ),
    )
    audience_export_url: str | None = batch_field(
        load_exports.export_urls_by_campaign,
        description=(
            "Where its audience, as it is when that is fetched, can be fetched as a file; like Segment.exportUrl, but"
            " without addedAt."
        ),
    )


@strawberry.type(description="A page of campaigns.")
class CampaignConnection(Connection[Campaign]):
    pass
