"""The memory of tokens that were verified before."""

import asyncio
import time
from datetime import UTC, datetime

from app.auth import Principal
from app.auth.verified import VerifiedTokens
from tests.auth.conftest import ACCOUNT, SECRET, Authenticators, claims_of
from tests.auth.issuer import IssuerServer, ec_key, jwk
from tests.auth.test_local_tokens import refusal, sign

ADA = Principal(ACCOUNT, "ada", frozenset(), datetime.now(UTC))


async def test_a_token_is_verified_once(issuers: IssuerServer, authenticator_of: Authenticators) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    header = f"Bearer {issuer.sign(claims_of(), ec_key('a'), 'a')}"
    assert await authenticator.authenticate(header) is await authenticator.authenticate(header)


async def test_a_remembered_token_is_refused_when_its_expiry_and_the_leeway_are_past(
    authenticator_of: Authenticators,
) -> None:
    now = time.time()
    expiry = int(now)
    authenticator = authenticator_of(secret=SECRET, jwt_leeway=now - expiry + 0.3)
    token = sign(claims_of(exp=expiry))
    header = f"Bearer {token}"
    assert await authenticator.authenticate(header) is await authenticator.authenticate(header)
    await asyncio.sleep(0.35)
    assert await refusal(token, authenticator) == "The token has expired."


def test_only_so_many_tokens_are_remembered_and_the_least_used_go_first() -> None:
    tokens = VerifiedTokens(3)
    for digest in (b"1", b"2", b"3"):
        tokens.put(digest, ADA, time.time() + 60)
    assert tokens.get(b"1") is ADA
    tokens.put(b"4", ADA, time.time() + 60)
    assert [tokens.get(digest) for digest in (b"1", b"2", b"3", b"4")] == [ADA, None, ADA, ADA]
    assert len(tokens) == 3


def test_an_expired_token_is_forgotten_when_it_is_asked_for() -> None:
    tokens = VerifiedTokens(3)
    tokens.put(b"past", ADA, time.time() - 1)
    tokens.put(b"soon", ADA, time.time() + 0.02)
    assert len(tokens) == 1
    time.sleep(0.03)
    assert tokens.get(b"soon") is None
    assert len(tokens) == 0


def test_a_token_put_twice_is_remembered_for_the_later_moment() -> None:
    tokens = VerifiedTokens(3)
    tokens.put(b"1", ADA, time.time() + 0.02)
    tokens.put(b"1", ADA, time.time() + 60)
    time.sleep(0.03)
    assert tokens.get(b"1") is ADA
