"""Addresses that must not be contacted."""

from datetime import datetime

import strawberry

from app.schema.connections import Connection
from app.schema.enums import Channel


@strawberry.type(description="An address that must not be contacted, whoever has it.")
class Suppression:
    channel: Channel = strawberry.field(description="The channel whose messages must not go there.")
    address: str = strawberry.field(description="An e-mail address in lower case, or a phone number in E.164.")
    reason: str = strawberry.field(description="Why not, for people.")
    created_by: str = strawberry.field(description="Who suppressed it: the `sub` of a token.")
    created_at: datetime = strawberry.field(description="When it was suppressed.")


@strawberry.type(description="A page of suppressed addresses.")
class SuppressionConnection(Connection[Suppression]):
    pass
