"""Tokens of the local issuer, and everything that can be wrong with a token of any."""

import base64
import hashlib
import hmac
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.auth import Authenticator, Permission, Principal, UnauthenticatedError, mint
from app.settings import InvalidSettingsError
from tests.auth.conftest import ACCOUNT, SECRET, claims_of, settings_of
from tests.auth.issuer import ec_key, rsa_key

SETTINGS = settings_of()
HOUR = timedelta(hours=1)


def local() -> Authenticator:
    return Authenticator(SETTINGS, SECRET)


def sign(claims: dict[str, Any], **headers: Any) -> str:
    return jwt.encode({"iss": "segments", **claims}, SECRET, algorithm="HS256", headers=headers)


def assemble(header: Any, claims: Any, signature: bytes | None = None) -> str:
    """A token of any header and claims, signed with the right secret unless told otherwise."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    if signature is None:
        signature = hmac.digest(SECRET.encode(), b".".join(parts), hashlib.sha256)
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def refusal(token: str, authenticator: Authenticator | None = None) -> str:
    with pytest.raises(UnauthenticatedError) as refused:
        await (authenticator or local()).authenticate(f"Bearer {token}")
    assert str(refused.value) == refused.value.reason
    return refused.value.reason


async def test_a_minted_token_names_its_bearer() -> None:
    token = mint(SECRET, SETTINGS, ACCOUNT, "ada", [Permission.READ, Permission.EDIT_SEGMENTS], HOUR)
    principal = await local().authenticate(f"Bearer {token}")
    assert principal.account_id == ACCOUNT
    assert principal.subject == "ada"
    assert principal.permissions == {Permission.READ, Permission.EDIT_SEGMENTS}
    assert timedelta(minutes=59) < principal.expires_at - datetime.now(UTC) <= HOUR


async def test_a_token_is_minted_and_read_with_the_claims_that_the_settings_name() -> None:
    settings = settings_of(
        jwt_issuer="here", jwt_audience="there", account_claim="https://example.com/tenant", permissions_claim="scope"
    )
    token = mint(SECRET, settings, ACCOUNT, "ada", Permission, HOUR)
    principal = await Authenticator(settings, SECRET).authenticate(f"Bearer {token}")
    assert principal.permissions == frozenset(Permission)
    assert await refusal(token) == "The token's issuer is not accepted."


@pytest.mark.parametrize("subject", ["", "a\x00b", "\ud800", "x" * 256])
def test_a_token_that_would_be_refused_is_not_minted(subject: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        mint(SECRET, SETTINGS, ACCOUNT, subject, [], HOUR)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_the_scheme_may_be_in_any_case(scheme: str) -> None:
    assert isinstance(await local().authenticate(f"{scheme} {sign(claims_of())}"), Principal)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "The Authorization header is missing."),
        ("", "The Authorization header is missing."),
        ("Basic YTpi", "The Authorization header must be: Bearer, a space and a token."),
        ("a.b.c", "The Authorization header must be: Bearer, a space and a token."),
        ("Bearer", "The token is malformed."),
        ("Bearer ", "The token is malformed."),
        ("Bearer a", "The token is malformed."),
        ("Bearer a.b.c", "The token is malformed."),
        ("Bearer é.é.é", "The token is malformed."),
        ("Bearer \ud800.a.b", "The token is malformed."),
        ("Bearer " + "a" * 9000, "The Authorization header is too long."),
    ],
)
async def test_a_header_without_a_token_is_refused(header: str | None, reason: str) -> None:
    with pytest.raises(UnauthenticatedError) as refused:
        await local().authenticate(header)
    assert refused.value.reason == reason


async def test_a_header_of_eight_kilobytes_is_read_and_a_longer_one_is_not() -> None:
    token = sign(claims_of(padding=""))
    room = 8192 - len("Bearer ") - len(token)
    fits, too_long = (sign(claims_of(padding="x" * size)) for size in (room // 4 * 3 - 3, room // 4 * 3 + 6))
    assert len(fits) <= 8192 - len("Bearer ") < len(too_long)
    assert isinstance(await local().authenticate(f"Bearer {fits}"), Principal)
    assert await refusal(too_long) == "The Authorization header is too long."


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "elsewhere"}, "The token's issuer is not accepted."),
        ({"iss": None}, "The token lacks the claim iss."),
        ({"iss": ["segments"]}, "The token is malformed."),
        ({"aud": "elsewhere"}, "The token is for another audience."),
        ({"aud": ["elsewhere", "segments2"]}, "The token is for another audience."),
        ({"aud": [{"segments": 1}]}, "The token is for another audience."),
        ({"aud": None}, "The token lacks the claim aud."),
        ({"exp": None}, "The token lacks the claim exp."),
        ({"exp": 1}, "The token has expired."),
        ({"exp": True}, "The token has expired."),
        ({"exp": "tomorrow"}, "The token is malformed."),
        ({"exp": "99999999999"}, "The token's expiry cannot be used."),
        ({"exp": 10**300}, "The token's expiry cannot be used."),
        ({"exp": float("inf")}, "The token is malformed."),
        ({"nbf": 99999999999}, "The token is not valid yet."),
        ({"nbf": []}, "The token is malformed."),
        ({"iat": 99999999999}, "The token is not valid yet."),
        ({"sub": None}, "The token lacks the claim sub."),
        ({"sub": 7}, "The token is malformed."),
        ({"sub": ""}, "The token's subject cannot be used."),
        ({"sub": "a\x00"}, "The token's subject cannot be used."),
        ({"sub": "\ud800"}, "The token's subject cannot be used."),
        ({"sub": "x" * 256}, "The token's subject cannot be used."),
        ({"account": None}, "The token does not name an account."),
        ({"account": "acme"}, "The token does not name an account."),
        ({"account": 12}, "The token does not name an account."),
        ({"permissions": None}, "The token does not list its permissions."),
        ({"permissions": {"READ": True}}, "The token does not list its permissions."),
        ({"permissions": ["READ", 1]}, "The token does not list its permissions."),
    ],
)
async def test_a_wrong_claim_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    claims = {name: value for name, value in {"iss": "segments", **claims_of(), **changes}.items() if value is not None}
    assert await refusal(assemble({"alg": "HS256"}, claims)) == reason


@pytest.mark.parametrize(
    ("claim", "permissions"),
    [
        ([], set()),
        ("", set()),
        (["READ", "READ", "FLY"], {Permission.READ}),
        ("openid READ  MANAGE_ACCOUNT", {Permission.READ, Permission.MANAGE_ACCOUNT}),
        (["read"], set()),
    ],
)
async def test_unknown_permissions_are_passed_over(claim: Any, permissions: set[Permission]) -> None:
    principal = await local().authenticate(f"Bearer {sign(claims_of(permissions=claim))}")
    assert principal.permissions == permissions


async def test_one_of_several_audiences_is_enough() -> None:
    assert await local().authenticate(f"Bearer {sign(claims_of(aud=['other', 'segments']))}")


async def test_the_clocks_may_differ_by_the_leeway() -> None:
    now = int(time.time())
    lenient = Authenticator(settings_of(jwt_leeway=30), SECRET)
    for changes in ({"exp": now - 20}, {"nbf": now + 20}):
        token = sign(claims_of(**changes))
        assert await lenient.authenticate(f"Bearer {token}")
        await refusal(token)
    for changes in ({"exp": now - 40}, {"nbf": now + 40}):
        await refusal(sign(claims_of(**changes)), lenient)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "HS384", "HS512", "RS256", "PS256", "EdDSA", "XX", "", 1]
)
@pytest.mark.parametrize("signature", [b"", None])
async def test_another_algorithm_than_hs256_is_refused(algorithm: Any, signature: bytes | None) -> None:
    token = assemble({"alg": algorithm}, {"iss": "segments", **claims_of()}, signature)
    expected = "The token is signed with an algorithm that is not accepted."
    assert await refusal(token) == ("The token is malformed." if algorithm == 1 else expected)


@pytest.mark.parametrize("header", [{}, {"alg": None}, {"alg": ["HS256"]}, {"alg": {}}, [], "HS256", None])
async def test_a_header_without_an_algorithm_is_refused(header: Any) -> None:
    assert await refusal(assemble(header, {"iss": "segments", **claims_of()})) == "The token is malformed."


@pytest.mark.parametrize("extra", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False, "crit": ["b64"]}])
async def test_a_critical_extension_is_refused(extra: dict[str, Any]) -> None:
    token = assemble({"alg": "HS256", **extra}, {"iss": "segments", **claims_of()})
    assert await refusal(token) == "The token is malformed."


@pytest.mark.parametrize("claims", [[], "segments", None, 1])
async def test_claims_that_are_no_object_are_refused(claims: Any) -> None:
    assert await refusal(assemble({"alg": "HS256"}, claims)) == "The token is malformed."


async def test_a_wrong_signature_is_refused() -> None:
    token = sign(claims_of())
    other = jwt.encode({"iss": "segments", **claims_of()}, SECRET[::-1], algorithm="HS256")
    flipped = token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]
    swapped = ".".join([*token.split(".")[:2], other.split(".")[2]])
    for forged in (other, flipped, swapped):
        assert await refusal(forged) == "The token's signature is wrong."


async def test_a_token_is_verified_as_strictly_after_a_good_one_was() -> None:
    authenticator = local()
    token = sign(claims_of())
    assert await authenticator.authenticate(f"Bearer {token}")
    await refusal(token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:], authenticator)


async def test_no_reason_repeats_what_the_token_says() -> None:
    for changes in (
        {"sub": "\x00whisper"},
        {"account": "whisper"},
        {"permissions": {"whisper": 1}},
        {"aud": "whisper"},
    ):
        assert "whisper" not in await refusal(sign(claims_of(**changes)))
    assert "whisper" not in await refusal(sign(claims_of(iss="whisper")))


def test_without_a_secret_and_an_issuer_there_is_no_authenticator() -> None:
    with pytest.raises(InvalidSettingsError, match="SEGMENTS_JWT_SECRET or SEGMENTS_OIDC_ISSUER must be set"):
        Authenticator(settings_of(), None)


@pytest.mark.parametrize("secret", ["", "short", "-----BEGIN PUBLIC KEY-----\nxxxx\n-----END PUBLIC KEY-----"])
def test_a_secret_that_signs_nothing_safely_is_refused_at_start(secret: str) -> None:
    with pytest.raises(InvalidSettingsError, match="secret of the local tokens") as refused:
        Authenticator(settings_of(), secret)
    assert not secret or secret not in str(refused.value)


any_text = st.text(st.characters(exclude_categories=()))
garbage = st.one_of(
    st.none(),
    any_text,
    any_text.map("Bearer {}".format),
    st.from_regex(r"[Bb]earer [A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_=-]*", fullmatch=True),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["segments", "RS256"])
)
json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(garbage)
@hypothesis_settings(max_examples=100, deadline=None)
async def test_garbage_is_refused_and_nothing_else(header: str | None) -> None:
    with pytest.raises(UnauthenticatedError):
        await local().authenticate(header)


headers = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), json_values)
claims = st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "permissions"]), json_values)


@given(headers, claims, st.booleans())
@hypothesis_settings(max_examples=100, deadline=None)
async def test_a_token_of_any_shape_is_refused_or_read(header: Any, changes: Any, hs256: bool) -> None:
    algorithm = {"alg": "HS256"} if hs256 else {}
    token = assemble({**header, **algorithm}, {"iss": "segments", **claims_of(), **changes})
    with suppress(UnauthenticatedError):
        assert (await local().authenticate(f"Bearer {token}")).account_id == ACCOUNT


async def test_a_token_of_an_asymmetric_key_does_not_pass_for_a_local_one() -> None:
    for key, algorithm in ((rsa_key("a"), "RS256"), (ec_key("a"), "ES256")):
        token = jwt.encode({"iss": "segments", **claims_of()}, key, algorithm=algorithm)
        assert await refusal(token) == "The token is signed with an algorithm that is not accepted."
