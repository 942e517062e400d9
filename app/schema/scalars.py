"""Scalars as clients write and read them."""

import re
from datetime import UTC, date, datetime

import strawberry
from asyncpg.pgproto.pgproto import UUID as PostgresUUID  # noqa: N811
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from app.engine.plan import Shortcut

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
NO_MOMENT = "A DateTime is written as RFC 3339 says, with its offset from UTC or Z: 2026-01-31T09:30:00Z."
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NO_DAY = "A Date is written as RFC 3339 says: 2026-01-31."


def write_moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_moment(value: object) -> datetime:
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        raise GraphQLError(NO_MOMENT)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphQLError(NO_MOMENT) from None


DateTime: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="A moment, as RFC 3339 writes it. Any offset is accepted; what comes back is always in UTC.",
    serialize=write_moment,
    parse_value=read_moment,
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
)


SHORTCUTS = {
    "DateTime": Shortcut("type({0}) is datetime and {0}.tzinfo is UTC", objects={"datetime": datetime, "UTC": UTC}),
    "ID": Shortcut("type({0}) is UUID", "str({0})", {"UUID": PostgresUUID}),
}
"""What of the rows of PostgreSQL needs no look: an answer's JSON has moments in UTC as write_moment writes them."""


def read_day(value: object) -> date:
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise GraphQLError(NO_DAY)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise GraphQLError(NO_DAY) from None


Date: ScalarDefinition = strawberry.scalar(
    name="Date",
    description="A day, as RFC 3339 writes it: 2026-01-31.",
    serialize=date.isoformat,
    parse_value=read_day,
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
)
