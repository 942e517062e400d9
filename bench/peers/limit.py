"""The limit: per read one hand-written statement that makes the JSON, in a bare ASGI application without GraphQL."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

import asyncpg
import jwt
import orjson

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MEMBERS = """(
  SELECT coalesce(json_agg(json_build_object('addedAt', m.added_at, 'node', json_build_object({node}))
    ORDER BY m.added_at DESC, m.candidate_id DESC), '[]')
  FROM (SELECT * FROM segment_member WHERE account_id = $1 AND segment_id = s.id
    ORDER BY added_at DESC, candidate_id DESC LIMIT {members}) m
  JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id)"""

BARE_MEMBERS = MEMBERS.replace("'addedAt', m.added_at, ", "")

PERSON = "'id', c.id, 'firstName', c.first_name, 'lastName', c.last_name"
CONTACT = f"{PERSON}, 'email', c.email"
PROFILE = f"{CONTACT}, 'city', c.city, 'country', c.country, 'headline', c.headline, 'skills', c.skills"

SEGMENTS = f"""
SELECT json_build_object('data', json_build_object('segments', json_build_object('nodes', json_agg(
  json_build_object('id', s.id, 'name', s.name, 'channel', s.channel, 'memberCount', s.member_count,
    'members', json_build_object('edges', {MEMBERS.format(node=CONTACT, members="$3")}))
  ORDER BY s.name_key))))::text
FROM (SELECT * FROM segment WHERE account_id = $1 AND archived_at IS NULL ORDER BY name_key LIMIT $2) s
"""

PAGE = f"""
SELECT json_build_object('data', json_build_object('segment', json_build_object(
  'name', s.name, 'memberCount', s.member_count, 'members', json_build_object(
    'pageInfo', json_build_object('hasNextPage', s.member_count > $3),
    'edges', {MEMBERS.format(node=PROFILE, members="$3")}))))::text
FROM segment s WHERE account_id = $1 AND id = $2
"""

CONSENTS_OF_CANDIDATE = """'consents', (
  SELECT coalesce(json_agg(json_build_object('grantedAt', k.granted_at, 'expiresAt', k.expires_at,
    'withdrawnAt', k.withdrawn_at, 'source', k.source, 'policy', json_build_object('id', p.id, 'name', p.name))
    ORDER BY k.granted_at DESC, k.policy_id), '[]')
  FROM consent k JOIN privacy_policy p ON p.account_id = $1 AND p.id = k.policy_id
  WHERE k.account_id = $1 AND k.candidate_id = c.id)"""

CONSENTS = f"""
SELECT json_build_object('data', json_build_object('segment', json_build_object(
  'name', s.name, 'members', json_build_object(
    'edges', {BARE_MEMBERS.format(node=f"{CONTACT}, {CONSENTS_OF_CANDIDATE}", members="$3")}))))::text
FROM segment s WHERE account_id = $1 AND id = $2
"""

QUOTA = """
SELECT json_build_object('data', json_build_object('quotaUsage', json_build_object('limit', c.endpoint_limit,
  'used', u.email_used + u.sms_used, 'reserved', u.reserved,
  'remaining', greatest(0, c.endpoint_limit - u.email_used - u.sms_used - u.reserved))))::text
FROM endpoint_usage u CROSS JOIN (SELECT endpoint_limit FROM contract
  WHERE account_id = $1 AND current_date BETWEEN starts_on AND ends_on ORDER BY starts_on DESC, id DESC LIMIT 1) c
WHERE u.account_id = $1
"""

APPLICATIONS_OF_CANDIDATE = """'applications', json_build_object('edges', (
  SELECT coalesce(json_agg(json_build_object('appliedAt', a.applied_at,
    'vacancy', json_build_object('id', v.id, 'title', v.title, 'openedAt', v.opened_at))
    ORDER BY a.applied_at DESC, a.vacancy_id DESC), '[]')
  FROM (SELECT * FROM application WHERE account_id = $1 AND candidate_id = c.id
    ORDER BY applied_at DESC, vacancy_id DESC LIMIT $4) a
  JOIN vacancy v ON v.account_id = $1 AND v.id = a.vacancy_id))"""

DEEP = f"""
SELECT json_build_object('data', json_build_object('segments', json_build_object('nodes', json_agg(
  json_build_object('name', s.name, 'members', json_build_object(
    'edges', {BARE_MEMBERS.format(node=f"{PERSON}, {APPLICATIONS_OF_CANDIDATE}", members="$3")}))
  ORDER BY s.name_key))))::text
FROM (SELECT * FROM segment WHERE account_id = $1 AND archived_at IS NULL ORDER BY name_key LIMIT $2) s
"""

SEARCH = f"""
WITH found AS MATERIALIZED (
  SELECT * FROM candidate WHERE account_id = $1 AND lower(country) COLLATE "C" = lower($2)
    AND search @@ tags_query('skill', $3::text[], '|')
  ORDER BY created_at DESC, id DESC LIMIT $4::int + 1),
shown AS (SELECT * FROM found ORDER BY created_at DESC, id DESC LIMIT $4::int)
SELECT json_build_object('data', json_build_object('candidates', json_build_object(
  'pageInfo', json_build_object('hasNextPage', (SELECT count(*) FROM found) > $4::int),
  'edges', coalesce((SELECT json_agg(json_build_object('node', json_build_object({PROFILE}, 'createdAt', c.created_at))
    ORDER BY c.created_at DESC, c.id DESC) FROM shown c), '[]'))))::text
"""

STATEMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Segments": (SEGMENTS, ("segments", "members")),
    "Page": (PAGE, ("segment", "members")),
    "Consents": (CONSENTS, ("segment", "members")),
    "Quota": (QUOTA, ()),
    "Deep": (DEEP, ("segments", "members", "applications")),
    "Search": (SEARCH, ("country", "skills", "candidates")),
}


class Limit:
    """The application. The operation's name picks the statement; its variables are the statement's."""

    def __init__(self) -> None:
        self._pool: asyncpg.Pool[Any]
        self._accounts: dict[bytes, UUID] = {}
        self._secret = os.environ["JWT_SECRET"]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._respond(dict(scope["headers"])[b"authorization"], receive, send)

    async def _respond(self, authorization: bytes, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        account_id = self._account(authorization)
        answer = await self._answer(account_id, orjson.loads(body))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        settings = {"jit": "off", "timezone": "UTC"}
        async with asyncpg.create_pool(min_size=1, max_size=10, reset=_keep, server_settings=settings) as self._pool:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _account(self, authorization: bytes) -> UUID:
        """Whom the token is for. Verified once."""
        known = self._accounts.get(authorization)
        if known is None:
            token = authorization.removeprefix(b"Bearer ").decode()
            claims = jwt.decode(token, self._secret, algorithms=["HS256"], audience="segments", issuer="segments")
            known = self._accounts[authorization] = UUID(claims["account"])
        return known

    async def _answer(self, account_id: UUID, asked: dict[str, Any]) -> bytes:
        statement, names = STATEMENTS[asked["operationName"]]
        values = [asked["variables"][name] for name in names]
        text: str = await self._pool.fetchval(statement, account_id, *values)
        return text.encode()


async def _keep(_: Any) -> None:
    """Nothing sets session state, so nothing is reset between two uses of a connection."""


app = Limit()
