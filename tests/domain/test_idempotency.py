from functools import partial

import pytest

from app.domain import segments
from app.domain.errors import DomainError, NameTakenError
from app.domain.idempotency import once
from app.models import Channel
from tests.world import World


async def test_a_failure_that_names_a_segment_comes_again_under_its_key(world: World) -> None:
    taken = await world.segment("Taken")
    found: list[DomainError] = []
    for _ in range(2):
        async with world.database.write(world.account_id) as tx:
            done = await once(tx, "key", "create", {}, partial(segments.create, tx, "taken", Channel.EMAIL))
        assert done.id is None
        found += done.errors
    assert [(type(error), error.path) for error in found] == [(NameTakenError, ("input", "name"))] * 2
    assert [error.segment_id for error in found if isinstance(error, NameTakenError)] == [taken, taken]


async def test_a_failure_without_a_key_is_raised(world: World) -> None:
    await world.segment("Taken")
    with pytest.raises(NameTakenError):
        async with world.database.write(world.account_id) as tx:
            await once(tx, None, "create", {}, partial(segments.create, tx, "taken", Channel.EMAIL))
