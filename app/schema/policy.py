"""What candidates agree to, and what follows from it."""

from datetime import datetime

import strawberry

from app.engine.batch import batch_field
from app.resolvers.loaders.candidates import policies_by_id
from app.schema.enums import Channel, IneligibilityCode
from app.schema.node import Node


@strawberry.type(description="A text about the use of personal data that candidates accept or not.")
class PrivacyPolicy(Node):
    name: str = strawberry.field(description="What the policy is called; unique in the account.")
    required_for: list[Channel] = strawberry.field(description="The channels whose segments demand this policy.")


@strawberry.type(description="What a candidate last said to a privacy policy.")
class Consent:
    policy: PrivacyPolicy = batch_field(
        policies_by_id, key="policy_id", description="The policy that the consent is for."
    )
    granted_at: datetime = strawberry.field(description="When the candidate accepted the policy.")
    expires_at: datetime | None = strawberry.field(
        description="When the consent runs out: from this moment on it is not active. Null: never."
    )
    withdrawn_at: datetime | None = strawberry.field(description="When the candidate took the consent back, if ever.")
    active: bool = strawberry.field(description="Whether the consent is in force now.")
    source: str | None = strawberry.field(description="Where the consent was given, as the sender of it put it.")


@strawberry.type(description="One reason why a candidate may not join segments of a channel.")
class Ineligibility:
    code: IneligibilityCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, for people, in English.")
    policy: PrivacyPolicy | None = batch_field(
        policies_by_id, key="policy_id", description="The policy that the reason is about, if it is about one."
    )


@strawberry.type(description="Whether a candidate may join segments of a channel.")
class Eligibility:
    channel: Channel = strawberry.field(description="The channel asked about.")
    eligible: bool = strawberry.field(description="Whether the candidate may join: there is no reason against it.")
    reasons: list[Ineligibility] = strawberry.field(description="Every reason against it; none when eligible.")


@strawberry.type(description="One method of contacting one candidate: the unit that a contract limits.")
class Endpoint:
    channel: Channel = strawberry.field(description="How the candidate is contacted.")
    address: str = strawberry.field(description="Where: an e-mail address, or a mobile number in E.164.")
