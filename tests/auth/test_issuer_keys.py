"""When the keys of an issuer are fetched, and what happens when they cannot be."""

import asyncio
import time
from collections.abc import Awaitable

import pytest

from app.auth import Authenticator, IssuerUnavailableError, Principal, UnauthenticatedError
from tests.auth.conftest import Authenticators, claims_of
from tests.auth.issuer import Issuer, IssuerServer, ec_key, free_socket, jwk, rsa_key
from tests.auth.test_local_tokens import refusal
from tests.auth.test_oidc_tokens import UNKNOWN_KEY


def ask(authenticator: Authenticator, issuer: Issuer, name: str = "a", **claims: object) -> Awaitable[Principal]:
    """Asks with a new token, signed with the key of this name."""
    token = issuer.sign(claims_of(jti=str(time.perf_counter()), **claims), ec_key(name), name)
    return authenticator.authenticate(f"Bearer {token}")


@pytest.fixture
def issuer(issuers: IssuerServer) -> Issuer:
    return issuers.add(jwk(ec_key("a"), "a"))


async def test_keys_are_fetched_when_first_needed_and_kept(issuer: Issuer, authenticator_of: Authenticators) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    assert issuer.keys_fetched == 0
    for _ in range(3):
        await ask(authenticator, issuer)
    assert issuer.keys_fetched == 1


async def test_keys_are_fetched_again_when_their_lifetime_ends(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_lifetime=0.2)
    await ask(authenticator, issuer)
    await asyncio.sleep(0.25)
    await ask(authenticator, issuer)
    assert issuer.keys_fetched == 2


async def test_a_new_key_is_found_at_once(issuer: Issuer, authenticator_of: Authenticators) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_cooldown=0)
    await ask(authenticator, issuer, "a")
    issuer.publish(jwk(ec_key("a"), "a"), jwk(ec_key("b"), "b"))
    await ask(authenticator, issuer, "b")
    await ask(authenticator, issuer, "a")
    assert issuer.keys_fetched == 2


async def test_a_withdrawn_key_opens_nothing_once_its_lifetime_ends(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_lifetime=0.5, jwks_cooldown=0)
    token = issuer.sign(claims_of(), ec_key("a"), "a")
    assert await authenticator.authenticate(f"Bearer {token}")
    issuer.publish(jwk(ec_key("b"), "b"))
    assert await authenticator.authenticate(f"Bearer {token}")
    await asyncio.sleep(0.55)
    assert await refusal(token, authenticator) == UNKNOWN_KEY


async def test_a_hundred_requests_with_an_unknown_key_cause_one_fetch(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_cooldown=0.05)
    await ask(authenticator, issuer)
    await asyncio.sleep(0.06)
    issuer.delay = 0.1
    issuer.publish(jwk(ec_key("b"), "b"))
    assert len(await asyncio.gather(*(ask(authenticator, issuer, "b") for _ in range(100)))) == 100
    assert issuer.keys_fetched == 2


async def test_a_hundred_first_requests_cause_one_fetch(issuer: Issuer, authenticator_of: Authenticators) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    issuer.delay = 0.05
    await asyncio.gather(*(ask(authenticator, issuer) for _ in range(100)))
    assert (issuer.discovered, issuer.keys_fetched) == (1, 1)


async def test_unknown_keys_cause_no_more_than_one_fetch_per_cooldown(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_cooldown=0.4)
    await ask(authenticator, issuer)
    for _ in range(5):
        with pytest.raises(UnauthenticatedError, match="unknown key"):
            await ask(authenticator, issuer, "forged")
    assert issuer.keys_fetched == 1
    await asyncio.sleep(0.45)
    for _ in range(5):
        with pytest.raises(UnauthenticatedError, match="unknown key"):
            await ask(authenticator, issuer, "forged")
    assert issuer.keys_fetched == 2


async def test_one_client_that_hangs_up_does_not_take_the_fetch_from_the_others(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    issuer.delay = 0.1
    first = asyncio.ensure_future(ask(authenticator, issuer))
    second = asyncio.ensure_future(ask(authenticator, issuer))
    await asyncio.sleep(0.05)
    first.cancel()
    assert await second
    assert first.cancelled()
    assert issuer.keys_fetched == 1


async def test_old_keys_serve_while_the_issuer_is_down(issuer: Issuer, authenticator_of: Authenticators) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_lifetime=0.1, jwks_stale_lifetime=60)
    await ask(authenticator, issuer)
    issuer.is_down = True
    await asyncio.sleep(0.15)
    for _ in range(3):
        await ask(authenticator, issuer)
    assert issuer.discovered == 2


async def test_old_keys_are_given_up_when_their_stale_lifetime_ends(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_lifetime=0.1, jwks_stale_lifetime=0.5)
    token = issuer.sign(claims_of(), ec_key("a"), "a")
    await authenticator.authenticate(f"Bearer {token}")
    issuer.is_down = True
    await asyncio.sleep(0.15)
    assert await authenticator.authenticate(f"Bearer {token}")
    await asyncio.sleep(0.5)
    with pytest.raises(IssuerUnavailableError):
        await authenticator.authenticate(f"Bearer {token}")


async def test_an_unknown_key_of_an_issuer_that_is_down_is_not_called_wrong(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_cooldown=0)
    await ask(authenticator, issuer)
    issuer.is_down = True
    with pytest.raises(IssuerUnavailableError):
        await ask(authenticator, issuer, "b")
    assert await ask(authenticator, issuer)


async def test_an_issuer_that_hangs_costs_one_timeout_and_not_every_request(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwks_lifetime=0.1, jwks_timeout=0.4)
    await ask(authenticator, issuer)
    issuer.delay = 0.9
    await asyncio.sleep(0.15)
    started = time.perf_counter()
    await ask(authenticator, issuer)
    assert 0.3 < time.perf_counter() - started < 1
    await asyncio.sleep(1)
    started = time.perf_counter()
    for _ in range(10):
        await ask(authenticator, issuer)
    assert time.perf_counter() - started < 0.3


async def test_without_any_key_a_hanging_issuer_is_unavailable(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    issuer.delay = 0.3
    with pytest.raises(IssuerUnavailableError):
        await ask(authenticator_of(oidc_issuer=issuer.url, jwks_timeout=0.1), issuer)


async def test_an_issuer_that_drips_is_not_waited_for(issuer: Issuer, authenticator_of: Authenticators) -> None:
    issuer.drips = True
    started = time.perf_counter()
    with pytest.raises(IssuerUnavailableError):
        await ask(authenticator_of(oidc_issuer=issuer.url, jwks_timeout=0.2), issuer)
    assert time.perf_counter() - started < 0.6


async def test_more_keys_than_anybody_needs_are_not_read(issuer: Issuer, authenticator_of: Authenticators) -> None:
    issuer.publish(jwk(ec_key("a"), "a"), {"padding": "x" * 256 * 1024})
    with pytest.raises(IssuerUnavailableError):
        await ask(authenticator_of(oidc_issuer=issuer.url), issuer)


async def test_keys_of_algorithms_that_are_not_configured_are_no_keys(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url, oidc_algorithms=("RS256",))
    with pytest.raises(IssuerUnavailableError):
        await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), rsa_key('a'), 'a', 'RS256')}")


async def test_an_issuer_that_is_down_is_asked_once_a_second_and_found_when_it_is_back(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    issuer.is_down = True
    for _ in range(5):
        with pytest.raises(IssuerUnavailableError):
            await ask(authenticator, issuer)
    assert issuer.discovered == 1
    issuer.is_down = False
    await asyncio.sleep(1.05)
    assert await ask(authenticator, issuer)


async def test_an_issuer_that_nobody_answers_for_is_unavailable(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    with free_socket() as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/jwks"
        with pytest.raises(IssuerUnavailableError):
            await ask(authenticator_of(oidc_issuer=issuer.url, oidc_jwks_url=url), issuer)


GARBAGE = [
    b"",
    b"<html>",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'{"keys": {}}',
    b'{"keys": []}',
    b'{"keys": [null, 1, "x", []]}',
    b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}',
    b"[" * 100_000,
    b'{"keys": [' + b" " * 300_000 + b"]}",
]


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_instead_of_keys_is_no_answer(
    issuer: Issuer, authenticator_of: Authenticators, answer: bytes
) -> None:
    jwks_url = f"{issuer.url}/jwks"
    authenticator = authenticator_of(oidc_issuer=issuer.url, oidc_jwks_url=jwks_url, jwks_lifetime=0.05)
    await ask(authenticator, issuer)
    issuer.answer = answer
    await asyncio.sleep(0.06)
    assert await ask(authenticator, issuer)
    with pytest.raises(IssuerUnavailableError):
        await ask(authenticator_of(oidc_issuer=issuer.url, oidc_jwks_url=jwks_url), issuer)
    assert issuer.keys_fetched == 3


async def test_an_authenticator_closes_in_the_middle_of_a_fetch(
    issuer: Issuer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    issuer.delay = 0.3
    asking = asyncio.ensure_future(ask(authenticator, issuer))
    await asyncio.sleep(0.05)
    await authenticator.close()
    await asyncio.wait([asking])
    assert asking.cancelled()
