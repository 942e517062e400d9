"""From the Authorization header to a Principal. Whatever is not proven is refused."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from math import inf
from time import time
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

from app.auth.claims import LOCAL_ALGORITHM, REQUIRED_CLAIMS, principal_of
from app.auth.issuer import IssuerKeys
from app.auth.jwks import PublicKey
from app.auth.principal import Principal, UnauthenticatedError
from app.auth.verified import VerifiedTokens
from app.settings import MIN_SECRET_LENGTH, InvalidSettingsError, Settings

MAX_AUTHORIZATION_LENGTH = 8 * 1024
MAX_VERIFIED_TOKENS = 10_000

MALFORMED = "The token is malformed."
REASONS: Mapping[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is for another audience.",
    jwt.InvalidSignatureError: "The token's signature is wrong.",
}


class Authenticator:
    """Knows the issuers of one process: the local one, an OpenID Connect one, or both."""

    def __init__(self, settings: Settings, secret: str | None) -> None:
        """The secret is that of the settings or of the embedded database; None accepts no local tokens."""
        if secret is None and settings.oidc_issuer is None:
            raise InvalidSettingsError(
                "SEGMENTS_JWT_SECRET or SEGMENTS_OIDC_ISSUER must be set: nobody is let in without a token."
            )
        self._settings = settings
        self._secret = None if secret is None else _checked(secret)
        self._issuer_keys = IssuerKeys(settings) if settings.oidc_issuer else None
        self._verified = VerifiedTokens(MAX_VERIFIED_TOKENS)

    async def authenticate(self, authorization: str | None) -> Principal:
        """Who sends this Authorization header. Raises UnauthenticatedError or IssuerUnavailableError."""
        token = _bearer_token(authorization)
        digest = sha256(token.encode()).digest()
        principal = self._verified.get(digest)
        if principal is None:
            principal = await self._verify(token)
            self._verified.put(digest, principal, principal.verified_until)
        return principal

    async def close(self) -> None:
        if self._issuer_keys is not None:
            await self._issuer_keys.close()

    async def _verify(self, token: str) -> Principal:
        settings = self._settings
        algorithm, key_id, issuer = _unverified(token)
        fresh_for = inf
        key: str | PublicKey
        if self._secret is not None and (issuer, algorithm) == (settings.jwt_issuer, LOCAL_ALGORITHM):
            key, algorithms = self._secret, {LOCAL_ALGORITHM}
        elif self._issuer_keys and issuer == settings.oidc_issuer and algorithm in settings.oidc_algorithms:
            found = await self._issuer_keys.find(key_id, algorithm)
            key, algorithms = found.public_key, set(found.algorithms)
            fresh_for = self._issuer_keys.fresh_for
        elif issuer in self._issuers():
            raise UnauthenticatedError("The token is signed with an algorithm that is not accepted.")
        else:
            raise UnauthenticatedError("The token's issuer is not accepted.")
        principal = principal_of(self._decode(token, key, algorithms, issuer), settings)
        # Keys that the issuer withdraws must not live on in here: no entry outlasts the keys that verified it.
        until = min(principal.expires_at.timestamp() + settings.jwt_leeway, time() + fresh_for)
        return replace(principal, verified_until=until)

    def _issuers(self) -> set[str | None]:
        local = {self._settings.jwt_issuer} if self._secret is not None else set()
        return {*local, self._settings.oidc_issuer}

    def _decode(self, token: str, key: str | PublicKey, algorithms: set[str], issuer: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=sorted(algorithms),
                audience=self._settings.jwt_audience,
                issuer=issuer,
                leeway=self._settings.jwt_leeway,
                options={"require": list(REQUIRED_CLAIMS), "enforce_minimum_key_length": True},
            )
        except jwt.MissingRequiredClaimError as error:
            raise UnauthenticatedError(f"The token lacks the claim {error.claim}.") from None
        except jwt.PyJWTError as error:
            raise UnauthenticatedError(REASONS.get(type(error), MALFORMED)) from None


def _bearer_token(authorization: str | None) -> str:
    if not authorization:
        raise UnauthenticatedError("The Authorization header is missing.")
    if len(authorization) > MAX_AUTHORIZATION_LENGTH:
        raise UnauthenticatedError("The Authorization header is too long.")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthenticatedError("The Authorization header must be: Bearer, a space and a token.")
    token = token.strip(" ")
    if not token or not token.isascii():
        raise UnauthenticatedError(MALFORMED)
    return token


def _unverified(token: str) -> tuple[str, str | None, str]:
    """The algorithm, the key id and the issuer that the token claims, to choose by and not to trust."""
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise UnauthenticatedError(MALFORMED) from None
    header, claims = parts["header"], parts["payload"]
    algorithm, issuer = header.get("alg"), claims.get("iss")
    if not isinstance(algorithm, str):
        raise UnauthenticatedError(MALFORMED)
    if issuer is None:
        raise UnauthenticatedError("The token lacks the claim iss.")
    if not isinstance(issuer, str):
        raise UnauthenticatedError(MALFORMED)
    return algorithm, header.get("kid"), issuer


def _checked(secret: str) -> str:
    if len(secret) < MIN_SECRET_LENGTH:
        raise InvalidSettingsError(f"The secret of the local tokens must be {MIN_SECRET_LENGTH} characters or more.")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except (jwt.PyJWTError, UnicodeError):
        raise InvalidSettingsError("The secret of the local tokens must be text, and no key or certificate.") from None
    return secret
