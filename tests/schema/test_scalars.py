from datetime import UTC, date, datetime

import pytest
from graphql import GraphQLError

from app.schema.scalars import read_day, read_moment, write_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31t09:30:00z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00.25+02:00", datetime(2026, 1, 31, 7, 30, 0, 250000, tzinfo=UTC)),
        ("2026-01-31T09:30:00.123456789-23:59", datetime(2026, 2, 1, 9, 29, 0, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_rfc_3339_writes_them(text: str, moment: datetime) -> None:
    assert read_moment(text) == moment
    assert read_moment(write_moment(moment)) == moment


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31T09:30Z",
        "2026-01-31 09:30:00Z",
        "20260131T093000Z",
        "2026-W05-6T09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-01-31T25:30:00Z",
        "2026-01-31T09:30:00+25:00",
        "2026-01-31T09:30:00Z\n",
        "2026-01-31T09:30:00Z\0",
        "٢٠٢٦-01-31T09:30:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "",
        "now",
        1_769_851_800,
        1.5,
        None,
        True,
    ],
)
def test_nothing_else_is_a_moment(value: object) -> None:
    with pytest.raises(GraphQLError, match="2026-01-31T09:30:00Z"):
        read_moment(value)


def test_days_are_read_as_rfc_3339_writes_them() -> None:
    assert read_day("2026-01-31") == date(2026, 1, 31)


@pytest.mark.parametrize("value", ["2026-W05-6", "20260131", "2026-02-30", "2026-01-31T00:00:00Z", "", 20260131, None])
def test_nothing_else_is_a_day(value: object) -> None:
    with pytest.raises(GraphQLError, match="2026-01-31"):
        read_day(value)
