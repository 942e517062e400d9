"""What the rest of Segments knows of whoever is asking."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Permission(StrEnum):
    """What a token may allow its bearer to do."""

    READ = "READ"
    EDIT_SEGMENTS = "EDIT_SEGMENTS"
    SYNC_CANDIDATES = "SYNC_CANDIDATES"
    MANAGE_ACCOUNT = "MANAGE_ACCOUNT"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone whose token was verified. Whether the account exists is not known yet."""

    account_id: UUID
    subject: str
    permissions: frozenset[Permission]
    expires_at: datetime
    verified_until: float = field(default=0.0, compare=False)
    """Until when the token need not be verified again, in seconds since 1970."""


class UnauthenticatedError(Exception):
    """The request carries no valid token."""

    def __init__(self, reason: str) -> None:
        """The reason goes to the client: it must hold nothing of the token."""
        super().__init__(reason)
        self.reason = reason


class IssuerUnavailableError(Exception):
    """The keys of the token's issuer cannot be fetched now; try again."""
