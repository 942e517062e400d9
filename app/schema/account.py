"""Who is asking, and what their contract allows."""

from datetime import date
from typing import Any

import strawberry

from app.schema.enums import Channel, Permission
from app.schema.node import Node
from app.schema.operation import IneligibleCount


@strawberry.type(description="The tenant that everything belongs to.")
class Account(Node):
    name: str = strawberry.field(description="What the account is called.")


@strawberry.type(description="Who is asking, for which account, and what they may do.")
class Viewer:
    subject: str = strawberry.field(description="Who: the `sub` of the token.")
    account: Account = strawberry.field(description="The account that the token is for.")
    permissions: list[Permission] = strawberry.field(description="What the token allows.")


@strawberry.type(description="How many endpoints the account may use between two dates.")
class Contract:
    id: strawberry.ID = strawberry.field(description="Opaque, and unique among contracts.")
    name: str = strawberry.field(description="What the contract is called.")
    endpoint_limit: int = strawberry.field(description="The endpoints it allows, over both channels together.")
    starts_on: date = strawberry.field(description="The first day it is in force, in UTC.")
    ends_on: date = strawberry.field(description="The last day it is in force, in UTC.")


@strawberry.type(description="The endpoints in use through one channel.")
class ChannelUsage:
    channel: Channel = strawberry.field(description="The channel that is counted.")
    used: int = strawberry.field(description="How many candidates are in segments of the channel.")


@strawberry.type(description="What the contract in force allows and what is used of it.")
class QuotaUsage:
    limit: int = strawberry.field(description="The endpoints that the contract in force allows.")
    used: int = strawberry.field(description="Distinct (candidate, channel) pairs in the account's segments.")
    reserved: int = strawberry.field(description="Set aside for operations still running.")
    remaining: int = strawberry.field(description="What is left; 0 when the contract was lowered beneath its use.")

    @strawberry.field(description="The contract whose dates include today.")
    def contract(self: Any) -> Contract:
        contract: Contract = self
        return contract

    @strawberry.field(description="The endpoints in use, by channel.")
    def channels(self: Any) -> list[ChannelUsage]:
        return [
            ChannelUsage(channel=Channel.EMAIL, used=self["email_used"]),
            ChannelUsage(channel=Channel.SMS, used=self["sms_used"]),
        ]


@strawberry.type(description="What addCandidatesToSegment would do, without doing it.")
class AddCandidatesPreview:
    matched_count: int = strawberry.field(description="How many candidates are selected.")
    already_member_count: int = strawberry.field(description="How many of them are members.")
    ineligible: list[IneligibleCount] = strawberry.field(
        description="How many would be left out, by reason; a candidate with several reasons counts under each."
    )
    addable_count: int = strawberry.field(description="How many would become members if the contract has room.")
    new_endpoint_count: int = strawberry.field(
        description="Endpoints that the contract would newly count: addable candidates in no segment of the channel."
    )
    quota_usage: QuotaUsage = strawberry.field(description="What the contract allows and what is used of it now.")
    fits_quota: bool = strawberry.field(
        description=(
            "Whether the contract has room for all of them, once the memberships have ended whose consents expired."
        )
    )
