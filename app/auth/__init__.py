"""Who is asking: a bearer token becomes a Principal, or nothing does."""

from app.auth.authenticator import Authenticator
from app.auth.claims import mint
from app.auth.principal import IssuerUnavailableError, Permission, Principal, UnauthenticatedError

__all__ = ["Authenticator", "IssuerUnavailableError", "Permission", "Principal", "UnauthenticatedError", "mint"]
