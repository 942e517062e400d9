"""An OpenID Connect issuer on 127.0.0.1 that rotates its keys, breaks down and answers nonsense when told to."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def jwk(key: PrivateKey, key_id: str | None = None, **members: Any) -> dict[str, Any]:
    """How an issuer publishes a key. A member of None is left out."""
    if isinstance(key, rsa.RSAPrivateKey):
        published = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        published = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    members = {"kid": key_id, "use": "sig", **members}
    return {name: value for name, value in {**published, **members}.items() if value is not None}


def pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


async def dripping(body: bytes) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])
        await asyncio.sleep(0.02)


@dataclass
class Issuer:
    url: str
    keys: list[dict[str, Any]] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=dict)
    """Members that differ from a right discovery document."""
    keys_fetched: int = 0
    discovered: int = 0
    is_down: bool = False
    delay: float = 0
    drips: bool = False
    """Whether an answer comes one byte at a time, each a moment after the last."""
    answer: bytes | None = None
    """Answered to everything, if set."""
    redirect: str | None = None
    """Where the keys are instead, if set."""

    def publish(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)

    def sign(self, claims: dict[str, Any], key: PrivateKey, key_id: str | None = None, algorithm: str = "ES256") -> str:
        headers = {} if key_id is None else {"kid": key_id}
        return jwt.encode({"iss": self.url, **claims}, key, algorithm=algorithm, headers=headers)

    async def discover(self) -> Response:
        self.discovered += 1
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **self.discovery}
        return await self._respond(json.dumps(document).encode())

    async def serve_keys(self) -> Response:
        self.keys_fetched += 1
        if self.redirect is not None:
            return RedirectResponse(self.redirect)
        return await self._respond(json.dumps({"keys": self.keys}).encode())

    async def _respond(self, body: bytes) -> Response:
        await asyncio.sleep(self.delay)
        if self.is_down:
            return Response(status_code=503)
        body = body if self.answer is None else self.answer
        return StreamingResponse(dripping(body)) if self.drips else Response(body)


class IssuerServer:
    """One server, any number of issuers, each beneath a path of its own."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._issuers: dict[str, Issuer] = {}
        self._names = map(str, count(1))
        self.app = Starlette(
            routes=[
                Route("/{name}/.well-known/openid-configuration", self._discover),
                Route("/{name}/jwks", self._serve_keys),
                Route("/{name}/moved", self._serve_moved_keys),
            ]
        )

    def add(self, *keys: dict[str, Any]) -> Issuer:
        name = next(self._names)
        self._issuers[name] = issuer = Issuer(f"{self._base_url}/{name}", keys=list(keys))
        return issuer

    async def _discover(self, request: Request) -> Response:
        return await self._issuers[request.path_params["name"]].discover()

    async def _serve_keys(self, request: Request) -> Response:
        return await self._issuers[request.path_params["name"]].serve_keys()

    async def _serve_moved_keys(self, request: Request) -> Response:
        issuer = self._issuers[request.path_params["name"]]
        issuer.redirect = None
        return await issuer.serve_keys()


def free_socket() -> socket.socket:
    # Said aloud, or asyncio would not set TCP_NODELAY and every answer would take 40 ms more.
    bound = socket.socket(proto=socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    return bound


@asynccontextmanager
async def running_issuers() -> AsyncIterator[IssuerServer]:
    bound = free_socket()
    bound.listen()
    issuers = IssuerServer(f"http://127.0.0.1:{bound.getsockname()[1]}")
    config = uvicorn.Config(issuers.app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield issuers
    finally:
        server.should_exit = True
        await serving
