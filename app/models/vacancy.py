"""Openings and the candidates who registered for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.models.columns import account_key, key, loose_account_key, moment


class Vacancy(SQLModel, table=True):
    """An opening. It is open until `closed_at`."""

    __tablename__ = "vacancy"
    __table_args__ = (
        Index(
            "vacancy_by_external_id",
            "account_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("vacancy_by_opening", "account_id", text("opened_at DESC"), text("id DESC")),
    )

    account_id: UUID = Field(sa_column=account_key())
    id: UUID = Field(sa_column=key())
    external_id: str | None = None
    title: str
    opened_at: datetime = Field(sa_column=moment(now=True))
    closed_at: datetime | None = Field(sa_column=moment(nullable=True))


class Application(SQLModel, table=True):
    """A candidate registered for a vacancy."""

    __tablename__ = "application"
    __table_args__ = (
        Index("application_by_vacancy", "account_id", "vacancy_id", text("applied_at DESC"), text("candidate_id DESC")),
    )

    account_id: UUID = Field(sa_column=loose_account_key())
    candidate_id: UUID = Field(sa_column=key())
    vacancy_id: UUID = Field(sa_column=key())
    applied_at: datetime = Field(sa_column=moment(now=True))
