"""What a candidate agreed to, what each channel demands, and who must never be contacted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from app.models.columns import Channel, account_key, enum, key, loose_account_key, moment


class PrivacyPolicy(SQLModel, table=True):
    """A text that candidates accept or not."""

    __tablename__ = "privacy_policy"
    __table_args__ = (Index("privacy_policy_by_name", "account_id", "name", unique=True),)

    account_id: UUID = Field(sa_column=account_key())
    id: UUID = Field(sa_column=key())
    name: str


class PolicyRequirement(SQLModel, table=True):
    """Segments of the channel demand the policy."""

    __tablename__ = "policy_requirement"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "policy_id"], ["privacy_policy.account_id", "privacy_policy.id"]),
    )

    account_id: UUID = Field(sa_column=account_key())
    channel: Channel = Field(sa_column=enum(Channel, "channel", primary_key=True))
    policy_id: UUID = Field(sa_column=key())
    enforcing_since: datetime | None = Field(sa_column=moment(nullable=True))
    """Set while memberships that do not meet the demand are being ended. Readers leave them out meanwhile."""


class Consent(SQLModel, table=True):
    """The last word of one candidate on one policy. Active from `granted_at` until it is withdrawn or expires."""

    __tablename__ = "consent"
    __table_args__ = (
        Index("consent_by_policy", "account_id", "policy_id", "candidate_id"),
        Index("consent_by_expiry", "account_id", "expires_at", postgresql_where=text("withdrawn_at IS NULL")),
    )

    account_id: UUID = Field(sa_column=loose_account_key())
    candidate_id: UUID = Field(sa_column=key())
    policy_id: UUID = Field(sa_column=key())
    granted_at: datetime = Field(sa_column=moment())
    expires_at: datetime | None = Field(sa_column=moment(nullable=True))
    withdrawn_at: datetime | None = Field(sa_column=moment(nullable=True))
    source: str | None = None


class Suppression(SQLModel, table=True):
    """An address that must not be contacted, whoever has it: a lower-case e-mail address or an E.164 number."""

    __tablename__ = "suppression"

    account_id: UUID = Field(sa_column=loose_account_key())
    channel: Channel = Field(sa_column=enum(Channel, "channel", primary_key=True))
    address: str = Field(sa_column=Column(Text, primary_key=True))
    reason: str
    created_by: str
    created_at: datetime = Field(sa_column=moment(now=True))
