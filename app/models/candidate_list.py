"""Lists that recruiters keep in the applicant tracking system."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.models.columns import account_key, key, loose_account_key, moment


class CandidateList(SQLModel, table=True):
    """A named list of candidates."""

    __tablename__ = "candidate_list"
    __table_args__ = (
        Index(
            "candidate_list_by_external_id",
            "account_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("candidate_list_by_name", "account_id", text("lower(name)"), "id"),
    )

    account_id: UUID = Field(sa_column=account_key())
    id: UUID = Field(sa_column=key())
    external_id: str | None = None
    name: str
    created_at: datetime = Field(sa_column=moment(now=True))


class CandidateListMember(SQLModel, table=True):
    """The candidate is on the list."""

    __tablename__ = "candidate_list_member"
    __table_args__ = (Index("candidate_list_member_by_candidate", "account_id", "candidate_id", "list_id"),)

    account_id: UUID = Field(sa_column=loose_account_key())
    list_id: UUID = Field(sa_column=key())
    candidate_id: UUID = Field(sa_column=key())
