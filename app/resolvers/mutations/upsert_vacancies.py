"""upsertVacancies"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.types import Info

from app.context import Context
from app.database import Transaction
from app.domain.candidates import InvalidValueError, required_text
from app.domain.sync import vacancies
from app.domain.sync.items import Outcome
from app.domain.sync.moments import demand_order
from app.domain.sync.vacancies import LONGEST_TITLE
from app.engine.batch import batch_field
from app.resolvers.loaders.vacancies import vacancies_in_order
from app.resolvers.syncing import Fields, Kind, Said, sync
from app.schema.flat import flat_input
from app.schema.payloads import UpsertPayload
from app.schema.vacancy import Vacancy


@flat_input("A vacancy as the applicant tracking system knows it.")
class VacancyInput:
    external_id: str = strawberry.field(
        description="The vacancy's id in the applicant tracking system, 1 to 200 characters; capitals count."
    )
    title: str = strawberry.field(description="What the vacancy is called, 1 to 300 characters.")
    opened_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it opened. Left out or null, a new vacancy opens now and a known one keeps its moment.",
    )
    closed_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "When it closed or will, not before openedAt. Left out, it keeps what is known; null opens it again."
        ),
    )


@strawberry.input(description="What the applicant tracking system knows of vacancies.")
class UpsertVacanciesInput:
    vacancies: list[VacancyInput] = strawberry.field(
        description="At most 1,000. Of several with the same externalId the last one without errors counts alone."
    )


@strawberry.type(
    description="The outcome of upsertVacancies. What is known already is neither created nor updated again."
)
class UpsertVacanciesPayload(UpsertPayload):
    vacancies: list[Vacancy] = batch_field(
        vacancies_in_order,
        key="ids",
        description="Those without errors as they are now, changed or not, each once, in the order of the input.",
    )


def _read(item: VacancyInput, fields: Fields) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    external_id = fields.id(item.external_id)
    title = fields.read(required_text, item.title, "title", LONGEST_TITLE)
    opened_at, closed_at = fields.moment(item.opened_at, "openedAt"), fields.moment(item.closed_at, "closedAt")
    try:
        demand_order(opened_at, closed_at, "closedAt", "is before openedAt")
    except InvalidValueError as problem:
        fields.problems.append(problem)
    return (external_id,), (title, opened_at, closed_at)


async def _keep(tx: Transaction, _: Context, items: Sequence[Said]) -> Outcome[Said]:
    return await vacancies.keep(tx, items)


VACANCIES = Kind("vacancies", _read, _keep)


async def upsert_vacancies(info: Info[Context, None], input: UpsertVacanciesInput) -> UpsertVacanciesPayload:
    payload: UpsertVacanciesPayload = await sync(info, VACANCIES, input.vacancies)
    return payload
