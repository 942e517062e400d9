"""Tokens of an OpenID Connect issuer: which keys and algorithms are believed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from app.auth import Authenticator, IssuerUnavailableError, Permission, UnauthenticatedError, mint
from app.settings import ASYMMETRIC_ALGORITHMS
from tests.auth.conftest import ACCOUNT, SECRET, Authenticators, claims_of, settings_of
from tests.auth.issuer import Issuer, IssuerServer, PrivateKey, ec_key, jwk, pem, rsa_key
from tests.auth.test_local_tokens import HOUR, refusal

UNKNOWN_KEY = "The token is signed with an unknown key."
WRONG_ALGORITHM = "The token is signed with an algorithm that is not accepted."
KEYS: dict[str, PrivateKey] = {
    **dict.fromkeys(("RS256", "RS384", "RS512"), rsa_key("a")),
    "ES256": ec_key("a"),
    "ES384": ec_key("a", ec.SECP384R1),
    "ES512": ec_key("a", ec.SECP521R1),
}


@pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
async def test_a_token_of_every_configured_algorithm_is_read(
    issuers: IssuerServer, authenticator_of: Authenticators, algorithm: str
) -> None:
    key = KEYS[algorithm]
    issuer = issuers.add(jwk(key, "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url, oidc_algorithms=(algorithm,))
    token = issuer.sign(claims_of(permissions="READ EDIT_SEGMENTS"), key, "a", algorithm)
    principal = await authenticator.authenticate(f"Bearer {token}")
    assert principal.account_id == ACCOUNT
    assert principal.permissions == {Permission.READ, Permission.EDIT_SEGMENTS}
    assert (issuer.discovered, issuer.keys_fetched) == (1, 1)


async def test_both_issuers_serve_side_by_side(issuers: IssuerServer, authenticator_of: Authenticators) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url, secret=SECRET)
    for token in (mint(SECRET, settings_of(), ACCOUNT, "ada", [], HOUR), issuer.sign(claims_of(), ec_key("a"), "a")):
        assert (await authenticator.authenticate(f"Bearer {token}")).account_id == ACCOUNT


async def test_one_issuer_cannot_speak_for_the_other(issuers: IssuerServer, authenticator_of: Authenticators) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url, secret=SECRET)
    as_local = issuer.sign(claims_of(iss="segments"), ec_key("a"), "a")
    as_remote = jwt.encode({**claims_of(), "iss": issuer.url}, SECRET, algorithm="HS256")
    assert await refusal(as_local, authenticator) == WRONG_ALGORITHM
    assert await refusal(as_remote, authenticator) == WRONG_ALGORITHM


async def test_issuers_of_the_same_name_are_told_apart_by_algorithm(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url, jwt_issuer=issuer.url, secret=SECRET)
    local = jwt.encode({**claims_of(), "iss": issuer.url}, SECRET, algorithm="HS256")
    for token in (local, issuer.sign(claims_of(), ec_key("a"), "a")):
        assert await authenticator.authenticate(f"Bearer {token}")


async def test_without_a_secret_local_tokens_are_of_an_unknown_issuer(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    authenticator = authenticator_of(oidc_issuer=issuers.add(jwk(ec_key("a"), "a")).url)
    token = mint(SECRET, settings_of(), ACCOUNT, "ada", [], HOUR)
    assert await refusal(token, authenticator) == "The token's issuer is not accepted."


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize("secret", [None, SECRET])
@pytest.mark.parametrize("iss", ["segments", None])
async def test_a_token_signed_with_the_public_key_as_hmac_is_refused(
    issuers: IssuerServer, authenticator_of: Authenticators, form: str, secret: str | None, iss: str | None
) -> None:
    key = rsa_key("a")
    issuer = issuers.add(jwk(key, "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url, secret=secret)
    header = {"alg": "HS256", "kid": "a"}
    claims = {**claims_of(), "iss": iss or issuer.url}
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    public = pem(key) if form == "pem" else json.dumps(issuer.keys[0]).encode()
    forged = base64.urlsafe_b64encode(hmac.digest(public, signed, hashlib.sha256)).rstrip(b"=")
    expected = {"The token's signature is wrong.", WRONG_ALGORITHM, "The token's issuer is not accepted."}
    assert await refusal(b".".join([signed, forged]).decode(), authenticator) in expected


async def test_an_algorithm_that_is_not_configured_is_refused(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    issuer = issuers.add(jwk(rsa_key("a"), "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url, oidc_algorithms=("RS256",))
    for algorithm in ("RS384", "PS256"):
        token = issuer.sign(claims_of(), rsa_key("a"), "a", algorithm)
        assert await refusal(token, authenticator) == WRONG_ALGORITHM
    assert issuer.keys_fetched == 0


async def test_claims_are_as_strict_as_those_of_local_tokens(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"exp": 1}, "The token has expired."),
        ({"nbf": 99999999999}, "The token is not valid yet."),
        ({"aud": "elsewhere"}, "The token is for another audience."),
        ({"aud": None}, "The token lacks the claim aud."),
        ({"account": "acme"}, "The token does not name an account."),
        ({"permissions": 1}, "The token does not list its permissions."),
        ({"iss": issuer.url + "/"}, "The token's issuer is not accepted."),
    ]
    for changes, reason in wrong:
        assert await refusal(issuer.sign(claims_of(**changes), ec_key("a"), "a"), authenticator) == reason


async def test_a_signature_of_another_key_is_refused(issuers: IssuerServer, authenticator_of: Authenticators) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"), jwk(rsa_key("a"), "r"))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    for forged in (
        issuer.sign(claims_of(), ec_key("b"), "a"),
        issuer.sign(claims_of(), rsa_key("b"), "r", "RS256"),
        issuer.sign(claims_of(), ec_key("a"), "a")[:-90] + "." + "A" * 86,
        issuer.sign(claims_of(), ec_key("a"), "a").rsplit(".", 1)[0] + ".AAAA",
    ):
        assert await refusal(forged, authenticator) in ("The token's signature is wrong.", "The token is malformed.")


def private_jwk(key_id: str) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(rsa_key("a"), as_dict=True), "kid": key_id, "key_ops": ["verify"]}


@pytest.mark.parametrize(
    "unusable",
    [
        jwk(ec_key("a"), "a", use="enc"),
        jwk(ec_key("a"), "a", use=["sig"]),
        jwk(ec_key("a"), "a", alg="ES384"),
        jwk(ec_key("a"), "a", alg="RS256"),
        jwk(ec_key("a"), "a", alg=7),
        jwk(ec_key("a"), "a", kty="RSA"),
        jwk(ec_key("a"), "a", kty="oct", k="c2VjcmV0"),
        jwk(ec_key("a"), "a", kty=["EC"]),
        jwk(ec_key("a"), "a", crv="P-384"),
        jwk(ec_key("a"), "a", crv=["P-256"]),
        jwk(ec_key("a"), "a", x="AAAA"),
        jwk(ec_key("a"), "a", x=5),
        jwk(ec_key("a"), "a", y="é"),
        jwk(ec_key("a"), "a", key_ops=["encrypt"]),
        jwk(ec_key("a"), "a", key_ops="verify"),
        jwk(ec_key("a"), kid=7),
        {"kid": "a"},
    ],
)
async def test_a_key_that_is_not_for_such_signatures_is_not_used(
    issuers: IssuerServer, authenticator_of: Authenticators, unusable: dict[str, Any]
) -> None:
    issuer = issuers.add(unusable, jwk(ec_key("b"), "b"))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    assert await refusal(issuer.sign(claims_of(), ec_key("a"), "a"), authenticator) == UNKNOWN_KEY
    assert await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), ec_key('b'), 'b')}")


@pytest.mark.parametrize("changes", [{"n": "AQAB"}, {"n": "", "e": ""}, {"e": None}])
async def test_a_broken_rsa_key_is_not_used(
    issuers: IssuerServer, authenticator_of: Authenticators, changes: dict[str, Any]
) -> None:
    issuer = issuers.add(jwk(rsa_key("a"), "a", **changes), jwk(ec_key("b"), "b"))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    assert await refusal(issuer.sign(claims_of(), rsa_key("a"), "a", "RS256"), authenticator) == UNKNOWN_KEY


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_an_rsa_key_of_less_than_2048_bits_is_not_used(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    weak = rsa_key("weak", 1024)
    issuer = issuers.add(jwk(weak, "a"), jwk(ec_key("b"), "b"))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    assert await refusal(issuer.sign(claims_of(), weak, "a", "RS256"), authenticator) == UNKNOWN_KEY


async def test_an_issuer_that_publishes_its_private_key_is_still_only_verified(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    private_ec = {**ECAlgorithm.to_jwk(ec_key("a"), as_dict=True), "kid": "e"}
    issuer = issuers.add(private_jwk("r"), private_ec)
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    assert await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), rsa_key('a'), 'r', 'RS256')}")
    assert await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), ec_key('a'), 'e')}")


async def test_a_token_without_a_key_id_is_read_if_only_one_key_fits(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    issuer = issuers.add(jwk(rsa_key("a"), "r"), jwk(ec_key("a"), "a"), jwk(ec_key("b"), "b", use="enc"))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    assert await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), ec_key('a'))}")


async def test_a_token_without_a_key_id_is_refused_if_two_keys_fit(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"), jwk(ec_key("b")))
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    token = issuer.sign(claims_of(), ec_key("a"))
    assert await refusal(token, authenticator) == "The token does not say which key signed it."


async def test_the_keys_may_be_named_by_the_settings(issuers: IssuerServer, authenticator_of: Authenticators) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    authenticator = authenticator_of(oidc_issuer=issuer.url, oidc_jwks_url=f"{issuer.url}/jwks")
    assert await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), ec_key('a'), 'a')}")
    assert (issuer.discovered, issuer.keys_fetched) == (0, 1)


@pytest.mark.parametrize(
    "members",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "/jwks"},
        {"jwks_uri": "http://["},
    ],
)
async def test_a_wrong_discovery_document_is_not_followed(
    issuers: IssuerServer, authenticator_of: Authenticators, members: dict[str, Any]
) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    issuer.discovery = members
    await unavailable(authenticator_of(oidc_issuer=issuer.url), issuer)
    assert issuer.keys_fetched == 0


async def test_a_redirect_on_the_same_host_is_followed(issuers: IssuerServer, authenticator_of: Authenticators) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    issuer.redirect = f"{issuer.url}/moved"
    authenticator = authenticator_of(oidc_issuer=issuer.url)
    assert await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), ec_key('a'), 'a')}")


async def test_a_redirect_to_another_host_is_not_followed(
    issuers: IssuerServer, authenticator_of: Authenticators
) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    issuer.redirect = f"{issuer.url}/jwks".replace("127.0.0.1", "localhost")
    await unavailable(authenticator_of(oidc_issuer=issuer.url), issuer)
    assert issuer.keys_fetched == 1


async def test_redirects_in_a_circle_end(issuers: IssuerServer, authenticator_of: Authenticators) -> None:
    issuer = issuers.add(jwk(ec_key("a"), "a"))
    issuer.redirect = f"{issuer.url}/jwks"
    await unavailable(authenticator_of(oidc_issuer=issuer.url), issuer)
    assert issuer.keys_fetched == 4


async def unavailable(authenticator: Authenticator, issuer: Issuer) -> None:
    with pytest.raises(IssuerUnavailableError):
        await authenticator.authenticate(f"Bearer {issuer.sign(claims_of(), ec_key('a'), 'a')}")
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(None)
