"""What holds much is told from what holds little, whatever it is made of, without looking at all of it."""

from typing import Any

import pytest

from app.domain.search import CandidateFilter, TextFilter
from app.engine.weighing import holds_few


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (None, 0),
        ("a", 1),
        ([None, None], 1),
        ([1, [2, (3, "x")], {"a": None, "b": {}}], 9),
        (CandidateFilter(), 1),
        (CandidateFilter(and_=[CandidateFilter(city=TextFilter(eq="Kiel"))]), 5),
    ],
    ids=str,
)
def test_values_are_counted_through_lists_dictionaries_and_objects(value: Any, count: int) -> None:
    assert holds_few(value, count)
    assert count == 0 or not holds_few(value, count - 1)


def test_what_is_deep_and_wide_is_not_looked_through_to_the_end() -> None:
    inner: Any = 0
    for _ in range(30):
        inner = [inner, inner]
    assert not holds_few(inner, 40)
