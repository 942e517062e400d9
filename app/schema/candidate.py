"""The people."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.engine.batch import batch_field
from app.resolvers.loaders import candidates as load
from app.schema.connections import Connection
from app.schema.node import Node
from app.schema.policy import Consent, Eligibility, Endpoint

if TYPE_CHECKING:
    from app.schema.segment import SegmentConnection
    from app.schema.vacancy import ApplicationConnection, CandidateList

LaterSegmentConnection = Annotated["SegmentConnection", strawberry.lazy("app.schema.segment")]
LaterCandidateList = Annotated["CandidateList", strawberry.lazy("app.schema.vacancy")]
LaterApplicationConnection = Annotated["ApplicationConnection", strawberry.lazy("app.schema.vacancy")]


@strawberry.type(description="Someone whom a recruiter may want to contact.")
class Candidate(Node):
    external_id: str | None = strawberry.field(description="The candidate's id in the applicant tracking system.")
    first_name: str = strawberry.field(description="Given name or names; never empty.")
    last_name: str = strawberry.field(description="Last name, with its prefixes.")
    email: str | None = strawberry.field(description="The e-mail address, its domain in lower case.")
    mobile: str | None = strawberry.field(description="The mobile number as typed in. It is never texted.")
    verified_mobile: str | None = strawberry.field(
        description="The verified mobile address, in E.164. Only this number is ever texted."
    )
    city: str | None = strawberry.field(description="Where the candidate lives.")
    country: str | None = strawberry.field(description="The country, usually as two letters of ISO 3166.")
    headline: str | None = strawberry.field(description="What the candidate says to be, in one line.")
    skills: list[str] = strawberry.field(description="What the candidate can do.")
    created_at: datetime = strawberry.field(description="When the candidate was created.")
    updated_at: datetime = strawberry.field(description="When the candidate's own data last changed.")
    consents: list[Consent] = batch_field(
        load.consents_by_candidate, description="What the candidate last said to each policy, newest first."
    )
    eligibility: Eligibility = batch_field(
        load.eligibility_by_candidate,
        description="Whether the candidate may join segments of a channel, and every reason why not.",
    )
    endpoints: list[Endpoint] = batch_field(
        load.endpoints_by_candidate,
        description=(
            "The contact methods of this candidate that count against the contract: one for each channel of the"
            " segments the candidate is in."
        ),
    )
    segments: LaterSegmentConnection = batch_field(
        load.segments_by_candidate, description="The segments the candidate is in, by name."
    )
    applications: LaterApplicationConnection = batch_field(
        load.applications_by_candidate, description="The vacancies the candidate registered for, newest first."
    )
    candidate_lists: list[LaterCandidateList] = batch_field(
        load.candidate_lists_by_candidate, description="The candidate lists the candidate is on, by name."
    )

    @strawberry.field(
        description="First and last name, with a space between.", metadata={"reads": ("first_name", "last_name")}
    )
    def full_name(self: Any) -> str:
        return f"{self['first_name']} {self['last_name']}".strip()


@strawberry.type(description="A page of candidates.")
class CandidateConnection(Connection[Candidate]):
    pass
