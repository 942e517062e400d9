"""Scalars as clients write and read them."""

from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition


def write_moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_moment(value: object) -> datetime:
    if not isinstance(value, str) or "T" not in value.upper():
        raise GraphQLError("A DateTime is written as RFC 3339 says, for instance 2026-01-31T09:30:00Z.")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise GraphQLError("A DateTime needs its offset from UTC, or Z.")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphQLError("A DateTime is written as RFC 3339 says, for instance 2026-01-31T09:30:00Z.") from None


DateTime: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="A moment, as RFC 3339 writes it. Any offset is accepted; what comes back is always in UTC.",
    serialize=write_moment,
    parse_value=read_moment,
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
)
