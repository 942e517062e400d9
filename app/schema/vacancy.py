"""Where candidates come from: vacancies and lists."""

from datetime import datetime
from typing import Any

import strawberry

from app.engine.batch import batch_field, part_field
from app.resolvers.loaders import candidates as load_candidates
from app.resolvers.loaders import vacancies as load
from app.schema.candidate import Candidate, CandidateConnection
from app.schema.connections import READS_CURSORS, READS_NOTHING, Connection, Counted, cursor, edges
from app.schema.node import Node


@strawberry.type(description="One application.")
class ApplicationEdge:
    vacancy: "Vacancy" = batch_field(load.vacancies_by_id, key=(1, "vacancy_id"), description="What was applied for.")
    node: Candidate = batch_field(load_candidates.candidates_by_id, key=(1, "candidate_id"), description="Who applied.")
    applied_at: datetime = part_field(1, "applied_at", description="When the candidate applied.")

    @strawberry.field(
        description="Marks this place in the connection, for `after` and `before`.", metadata=READS_CURSORS
    )
    def cursor(self: Any) -> str:
        return cursor(self)


@strawberry.type(description="A page of applications.")
class ApplicationConnection(Counted):
    @strawberry.field(description="The applications of this page with their cursors.", metadata=READS_NOTHING)
    def edges(self: Any) -> list[ApplicationEdge]:
        return edges(self)


@strawberry.type(description="An opening that candidates register for.")
class Vacancy(Node):
    external_id: str | None = strawberry.field(description="The vacancy's id in the applicant tracking system.")
    title: str = strawberry.field(description="What the vacancy is called.")
    opened_at: datetime = strawberry.field(description="When it opened.")
    closed_at: datetime | None = strawberry.field(description="When it closed or will; null while that is not known.")
    applications: ApplicationConnection = batch_field(
        load.applications_by_vacancy, description="Who registered for it, newest first."
    )


@strawberry.type(description="A named list of candidates, kept in the applicant tracking system.")
class CandidateList(Node):
    external_id: str | None = strawberry.field(description="The list's id in the applicant tracking system.")
    name: str = strawberry.field(description="What the list is called.")
    candidates: CandidateConnection = batch_field(
        load.candidates_by_list, description="The candidates on it, in the order in which they became known."
    )


@strawberry.type(description="A page of vacancies.")
class VacancyConnection(Connection[Vacancy]):
    pass


@strawberry.type(description="A page of candidate lists.")
class CandidateListConnection(Connection[CandidateList]):
    pass
