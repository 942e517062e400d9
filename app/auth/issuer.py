"""The keys of an OpenID Connect issuer: fetched when needed, by one request for everybody, and kept."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from functools import cache
from math import inf
from time import monotonic
from typing import Any

import httpx
import orjson

from app.auth.jwks import SigningKey, UnusableAnswerError, read_key_set
from app.auth.principal import IssuerUnavailableError, UnauthenticatedError
from app.settings import Settings

DISCOVERY_PATH = "/.well-known/openid-configuration"
MAX_ANSWER_BYTES = 256 * 1024
MAX_REDIRECTS = 3
RETRY_PAUSE = 1.0
"""Seconds after a failed fetch before keys that are needed are asked for again."""

logger = logging.getLogger(__name__)


class IssuerKeys:
    """The key set of the issuer in the settings, as it was published at most `jwks_lifetime` seconds ago."""

    def __init__(self, settings: Settings) -> None:
        if settings.oidc_issuer is None:
            raise ValueError("There is no OpenID Connect issuer.")
        self._issuer = settings.oidc_issuer
        self._jwks_url = settings.oidc_jwks_url
        self._accepted = settings.oidc_algorithms
        self._lifetime = settings.jwks_lifetime
        self._stale_lifetime = settings.jwks_stale_lifetime
        self._cooldown = settings.jwks_cooldown
        self._timeout = settings.jwks_timeout
        self._keys: tuple[SigningKey, ...] = ()
        self._fetched_at = -inf
        self._attempted_at = -inf
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None
        # Answers are asked for uncompressed, so that MAX_ANSWER_BYTES is what they take in memory.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(headers=headers, timeout=settings.jwks_timeout, verify=_trusted_authorities())

    @property
    def fresh_for(self) -> float:
        """Seconds for which the keys in hand need no fetching; 0 while old keys serve."""
        return max(0.0, self._lifetime - self._age)

    @property
    def _age(self) -> float:
        return monotonic() - self._fetched_at

    async def find(self, key_id: str | None, algorithm: str) -> SigningKey:
        """The one key that may have made such a signature."""
        await self._freshen()
        found = self._matching(key_id, algorithm)
        if not found and (self._fetching or monotonic() - self._attempted_at >= self._cooldown):
            await self._fetch()
            found = self._matching(key_id, algorithm)
        if len(found) == 1:
            return found[0]
        if found:
            raise UnauthenticatedError("The token does not say which key signed it.")
        if self._failed:
            # The key may be a new one: who could say no is not there to be asked.
            raise IssuerUnavailableError
        raise UnauthenticatedError("The token is signed with an unknown key.")

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        await self._client.aclose()

    def _matching(self, key_id: str | None, algorithm: str) -> list[SigningKey]:
        return [key for key in self._keys if algorithm in key.algorithms and key_id in (None, key.key_id)]

    async def _freshen(self) -> None:
        if self._age < self._lifetime:
            return
        if self._fetching or not self._failed or monotonic() - self._attempted_at >= RETRY_PAUSE:
            if self._failed and self._is_usable():
                # An issuer that hangs would cost every request its timeout: old keys serve meanwhile.
                self._start_fetching()
            else:
                await self._fetch()
        if not self._is_usable():
            raise IssuerUnavailableError

    def _is_usable(self) -> bool:
        return self._age < self._lifetime + self._stale_lifetime

    async def _fetch(self) -> None:
        # Shielded, because the client that hangs up is not the only one waiting.
        await asyncio.shield(self._start_fetching())

    def _start_fetching(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._attempted_at = monotonic()
            self._fetching = asyncio.create_task(self._attempt())
        return self._fetching

    async def _attempt(self) -> None:
        started_at = monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                self._keys = read_key_set(await self._get(await self._find_jwks_url()), self._accepted)
        except Exception as error:
            # Whatever an issuer may send, it must not take the old keys away.
            self._failed = True
            logger.warning("The keys of %s could not be fetched: %s: %s", self._issuer, type(error).__name__, error)
        else:
            self._failed = False
            self._fetched_at = started_at
        finally:
            self._fetching = None

    async def _find_jwks_url(self) -> str:
        if self._jwks_url is not None:
            return self._jwks_url
        document = await self._get(self._issuer.rstrip("/") + DISCOVERY_PATH)
        if not isinstance(document, Mapping) or document.get("issuer") != self._issuer:
            raise UnusableAnswerError("the discovery document is of another issuer")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or httpx.URL(url).scheme not in ("https", httpx.URL(self._issuer).scheme):
            raise UnusableAnswerError("the discovery document has no safe jwks_uri")
        return url

    async def _get(self, url: str | httpx.URL, redirects: int = MAX_REDIRECTS) -> Any:
        async with self._client.stream("GET", url) as response:
            target = response.next_request.url if response.next_request else None
            if target is None:
                return orjson.loads(await _read(response))
            if not redirects or _origin(target) != _origin(response.url):
                raise UnusableAnswerError("it redirects too often or to another host")
        return await self._get(target, redirects - 1)


@cache
def _trusted_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # takes 40 ms


async def _read(response: httpx.Response) -> bytes:
    response.raise_for_status()
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise UnusableAnswerError("the answer is too long")
    return bytes(body)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
