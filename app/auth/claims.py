"""The claims of a token: read into a Principal, and written for the local issuer."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from app.auth.principal import Permission, Principal, UnauthenticatedError
from app.settings import Settings

LOCAL_ALGORITHM = "HS256"
REQUIRED_CLAIMS = ("iss", "aud", "exp", "sub")
MAX_SUBJECT_LENGTH = 255
"""What OpenID Connect Core allows, section 2."""

_PERMISSIONS = frozenset(Permission)


def mint(
    secret: str,
    settings: Settings,
    account_id: UUID,
    subject: str,
    permissions: Iterable[Permission],
    lifetime: timedelta,
) -> str:
    """A token of the local issuer that starts now."""
    if not _is_subject(subject):
        raise ValueError(f"A subject is 1 to {MAX_SUBJECT_LENGTH} printable characters.")
    now = datetime.now(UTC)
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": subject,
        "iat": now,
        "exp": now + lifetime,
        settings.account_claim: str(account_id),
        settings.permissions_claim: sorted(permissions),
    }
    return jwt.encode(claims, secret, algorithm=LOCAL_ALGORITHM)


def principal_of(claims: Mapping[str, Any], settings: Settings) -> Principal:
    """The principal that verified claims describe."""
    return Principal(
        account_id=_account_id(claims.get(settings.account_claim)),
        subject=_subject(claims.get("sub")),
        permissions=_permissions(claims.get(settings.permissions_claim)),
        expires_at=_expiry(claims.get("exp")),
    )


def _account_id(value: object) -> UUID:
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise UnauthenticatedError("The token does not name an account.")


def _subject(value: object) -> str:
    if isinstance(value, str) and _is_subject(value):
        return value
    raise UnauthenticatedError("The token's subject cannot be used.")


def _is_subject(value: str) -> bool:
    # Printable leaves out NUL and lone surrogates, neither of which PostgreSQL stores.
    return 0 < len(value) <= MAX_SUBJECT_LENGTH and value.isprintable()


def _permissions(value: object) -> frozenset[Permission]:
    names = value.split() if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnauthenticatedError("The token does not list its permissions.")
    return _PERMISSIONS.intersection(Permission(name) for name in names if name in _PERMISSIONS)


def _expiry(value: object) -> datetime:
    # PyJWT also takes "123"; a number is what RFC 7519 asks for.
    if isinstance(value, int | float):
        try:
            return datetime.fromtimestamp(int(value), UTC)
        except (ValueError, OverflowError, OSError):
            pass
    raise UnauthenticatedError("The token's expiry cannot be used.")
