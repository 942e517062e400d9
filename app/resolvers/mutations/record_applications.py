"""recordApplications"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.types import Info

from app.context import Context
from app.database import Transaction
from app.domain.sync import applications
from app.domain.sync.items import Outcome, given
from app.resolvers.syncing import Fields, Kind, Said, sync
from app.schema.flat import flat_input
from app.schema.payloads import SyncPayload


@flat_input("A candidate registered for a vacancy. Both must be known already.")
class ApplicationInput:
    candidate_external_id: str = strawberry.field(
        description="The candidate's id in the applicant tracking system; capitals count."
    )
    vacancy_external_id: str = strawberry.field(
        description="The vacancy's id in the applicant tracking system; capitals count."
    )
    applied_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When. Left out or null, a new application is of now and a known one keeps its moment.",
    )


@strawberry.input(description="What the applicant tracking system knows of applications.")
class RecordApplicationsInput:
    applications: list[ApplicationInput] = strawberry.field(
        description=(
            "At most 1,000. Of several of one candidate for one vacancy the last one without errors counts alone."
        )
    )


@strawberry.type(
    description="The outcome of recordApplications. What is known already is neither recorded nor updated again."
)
class RecordApplicationsPayload(SyncPayload):
    @strawberry.field(description="Those that were not known before.")
    def recorded_count(self: Any) -> int:
        return int(self.created_count)


def _read(item: ApplicationInput, fields: Fields) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    key = (
        fields.id(item.candidate_external_id, "candidateExternalId"),
        fields.id(item.vacancy_external_id, "vacancyExternalId"),
    )
    return key, (given(fields.moment(item.applied_at, "appliedAt")),)


async def _keep(tx: Transaction, context: Context, items: Sequence[Said]) -> Outcome[Said]:
    return await applications.keep(tx, context.account, items)


APPLICATIONS = Kind("applications", _read, _keep)


async def record_applications(info: Info[Context, None], input: RecordApplicationsInput) -> RecordApplicationsPayload:
    payload: RecordApplicationsPayload = await sync(info, APPLICATIONS, input.applications)
    return payload
