"""Who the data belong to and how many endpoints they may use."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, func, text
from sqlmodel import Field, SQLModel

from app.models.columns import account_key, key, moment


class Account(SQLModel, table=True):
    """A tenant. Everything else belongs to exactly one."""

    __tablename__ = "account"

    id: UUID = Field(sa_column=key())
    name: str
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """32 random bytes: signs the account's cursors and salts the hashes of erased people."""
    created_at: datetime = Field(sa_column=moment(now=True))


Index("account_name", func.lower(Account.__table__.c.name), unique=True)  # type: ignore[attr-defined]


class Contract(SQLModel, table=True):
    """How many endpoints the account may use between two dates, both included."""

    __tablename__ = "contract"
    __table_args__ = (
        CheckConstraint("endpoint_limit >= 0", name="contract_endpoint_limit"),
        CheckConstraint("starts_on <= ends_on", name="contract_dates"),
        Index("contract_by_dates", "account_id", "ends_on"),
    )

    account_id: UUID = Field(sa_column=account_key())
    id: UUID = Field(sa_column=key())
    name: str
    endpoint_limit: int
    starts_on: date
    ends_on: date


class EndpointUsage(SQLModel, table=True):
    """One row per account: the endpoints in use by channel, and the lock that every change of the account's
    data takes first."""

    __tablename__ = "endpoint_usage"
    __table_args__ = (
        CheckConstraint("email_used >= 0", name="endpoint_usage_email_used"),
        CheckConstraint("sms_used >= 0", name="endpoint_usage_sms_used"),
        CheckConstraint("reserved >= 0", name="endpoint_usage_reserved"),
    )

    account_id: UUID = Field(sa_column=account_key())
    email_used: int = Field(0, sa_column_kwargs={"server_default": "0"})
    sms_used: int = Field(0, sa_column_kwargs={"server_default": "0"})
    reserved: int = Field(0, sa_column_kwargs={"server_default": "0"})
    facts: int = Field(0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """How many changes there were of what eligibility rests on. While it stays the same, who was eligible is so
    until a consent expires."""
    lapses_swept_until: datetime = Field(sa_column=moment(now=True))
    """Memberships that rested on consents expired by then have ended. Later lapses are left out when reading."""
    lapses_queued_until: datetime | None = Field(sa_column=moment(nullable=True))
    """Set while queued operations end the memberships that rested on consents expired by then."""
    losing_since: datetime | None = Field(sa_column=moment(nullable=True))
    """Set while queued operations end memberships that lost at once, and in one call, what they rested on."""
