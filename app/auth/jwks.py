"""What is in a JSON Web Key Set, reduced to the keys that may verify a signature."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import InvalidKeyError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

MIN_RSA_BITS = 2048
RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

PublicKey = RSAPublicKey | EllipticCurvePublicKey


class UnusableAnswerError(Exception):
    """The issuer's answer is not what OpenID Connect says it must be."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key of the issuer and the algorithms whose signatures it may verify."""

    key_id: str | None
    algorithms: frozenset[str]
    public_key: PublicKey


def read_key_set(document: object, accepted: Collection[str]) -> tuple[SigningKey, ...]:
    """The keys that fit an accepted algorithm; the others are passed over, as RFC 7517 asks."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise UnusableAnswerError("the key set has no list of keys")
    keys = tuple(key for entry in entries if (key := _read_key(entry, frozenset(accepted))) is not None)
    if not keys:
        raise UnusableAnswerError("the key set has no key for an accepted algorithm")
    return keys


def _read_key(entry: object, accepted: frozenset[str]) -> SigningKey | None:
    if not isinstance(entry, dict) or not _is_for_signatures(entry):
        return None
    key_id, algorithm = entry.get("kid"), entry.get("alg")
    if not isinstance(key_id, str | None) or not isinstance(algorithm, str | None):
        return None
    algorithms = _algorithms(entry) & accepted
    if algorithm is not None:
        algorithms &= {algorithm}
    public_key = _public_key(entry) if algorithms else None
    return None if public_key is None else SigningKey(key_id, algorithms, public_key)


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _algorithms(entry: Mapping[str, Any]) -> frozenset[str]:
    match entry:
        case {"kty": "RSA"}:
            return RSA_ALGORITHMS
        case {"kty": "EC", "crv": str(curve)} if curve in EC_ALGORITHMS:
            return frozenset({EC_ALGORITHMS[curve]})
    return frozenset()


def _public_key(entry: Mapping[str, Any]) -> PublicKey | None:
    # Only the public members are passed on: PyJWT would make a private key of the rest, which verifies nothing.
    names = ("kty", "n", "e") if entry["kty"] == "RSA" else ("kty", "crv", "x", "y")
    members = {name: entry.get(name) for name in names}
    if not all(isinstance(value, str) for value in members.values()):
        return None
    try:
        key = (RSAAlgorithm if entry["kty"] == "RSA" else ECAlgorithm).from_jwk(members)
    except (InvalidKeyError, ValueError):
        return None
    if isinstance(key, RSAPublicKey):
        return key if key.key_size >= MIN_RSA_BITS else None
    return key if isinstance(key, EllipticCurvePublicKey) else None
