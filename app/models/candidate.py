"""The people."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Computed, Index, LargeBinary, Text, literal_column, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlmodel import Field, SQLModel

from app.models.columns import key, loose_account_key, moment

SEARCHED_WORDS = "candidate_words(first_name, last_name, email, headline, skills, city, verified_mobile)"


class Candidate(SQLModel, table=True):
    """Someone who may be contacted. The database computes `search`; nothing writes it."""

    __tablename__ = "candidate"
    __table_args__ = (
        Index(
            "candidate_by_external_id",
            "account_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("candidate_by_creation", "account_id", text("created_at DESC"), text("id DESC")),
        Index(
            "candidate_by_name",
            "account_id",
            text('(lower(last_name) COLLATE "C")'),
            text('(lower(first_name) COLLATE "C")'),
            "id",
        ),
        Index(
            "candidate_by_email",
            "account_id",
            text('(lower(email) COLLATE "C")'),
        ),
        Index(
            "candidate_by_city",
            "account_id",
            text('(lower(city) COLLATE "C")'),
        ),
        Index(
            "candidate_by_country",
            "account_id",
            text('(lower(country) COLLATE "C")'),
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index(
            "candidate_by_mobile",
            "account_id",
            "verified_mobile",
            postgresql_where=text("verified_mobile IS NOT NULL"),
        ),
        Index("candidate_by_words", "account_id", "search", postgresql_using="gin"),
        Index(
            "candidate_by_letters",
            "account_id",
            literal_column("lower(first_name || ' ' || last_name)").label("name"),
            literal_column('(lower(email) COLLATE "C")').label("address"),
            literal_column('(lower(city) COLLATE "C")').label("place"),
            postgresql_ops={"name": "gin_trgm_ops", "address": "gin_trgm_ops", "place": "gin_trgm_ops"},
            postgresql_using="gin",
        ),
    )

    account_id: UUID = Field(sa_column=loose_account_key())
    id: UUID = Field(sa_column=key())
    external_id: str | None = None
    first_name: str
    last_name: str
    email: str | None = None
    mobile: str | None = None
    verified_mobile: str | None = None
    """E.164."""
    city: str | None = None
    country: str | None = None
    headline: str | None = None
    skills: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default="{}"))
    created_at: datetime = Field(sa_column=moment(now=True))
    updated_at: datetime = Field(sa_column=moment(now=True))
    search: str = Field(sa_column=Column(TSVECTOR, Computed(SEARCHED_WORDS, persisted=True), nullable=True))


class ErasedCandidate(SQLModel, table=True):
    """What is left of a person who was erased: enough to refuse a later sync, nothing that names them."""

    __tablename__ = "erased_candidate"

    account_id: UUID = Field(sa_column=loose_account_key())
    external_id_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    """SHA-256 of the account's secret and the external id."""
    erased_at: datetime = Field(sa_column=moment(now=True))
