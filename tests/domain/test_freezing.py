"""Large additions that are frozen before the account's turn: exact whatever comes in between."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.database import Transaction
from app.domain import segments
from app.domain.erasures import erase
from app.domain.errors import QuotaExceededError, SearchResultsChangedError, SegmentArchivedError
from app.domain.freezing import Adding
from app.domain.idempotency import once
from app.domain.membership import QuotaPolicy
from app.domain.search import CandidateFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.models import Channel
from app.worker import Worker
from tests.domain.test_background import counts, ended_well, reserved, status, withdraw
from tests.domain.test_check import check
from tests.world import World

Change = Callable[[], Awaitable[object]]


async def nothing() -> None:
    pass


async def added(
    large: World,
    segment_id: UUID,
    meanwhile: Change = nothing,
    policy: QuotaPolicy = "REJECT",
    expected_count: int | None = None,
) -> UUID:
    """Adds everybody, and lets something happen after they were frozen and before the turn comes."""
    everybody = CandidateSelection(all_search_results=AllSearchResults(CandidateFilter(), None, expected_count))
    adding = Adding(str(segment_id), everybody, policy, "tester", large.database.settings)

    async def ahead(tx: Transaction) -> None:
        await adding.look_ahead(tx)
        await meanwhile()

    async with large.database.write(large.account_id, ahead) as tx:
        operation_id = await adding.add(tx, segment_id)
        await adding.forget(tx)
        return operation_id


async def pending(large: World) -> int:
    [row] = await large.run("SELECT coalesce(sum(cardinality(candidate_ids)), 0) FROM pending_candidate"
                            " WHERE account_id = $1")  # fmt: skip
    found: int = row[0]
    return found


async def test_who_is_frozen_ahead_is_counted_and_reserved(large: World, worker: Worker) -> None:
    segment_id, members = await large.segment(), await large.candidates(10)
    await large.add(segment_id, members)
    await large.candidates(7, {})
    candidates = await large.candidates(43)
    operation_id = await added(large, segment_id)
    assert await status(large, operation_id) == "QUEUED"
    assert await counts(large, operation_id) == {"matched": 60, "processed": 17, "already_member": 10, "ineligible": 7}
    assert (await reserved(large), await pending(large)) == (43, 43)
    assert (await check(large)).lines() == []
    await worker.run_until_idle()
    assert await large.members(segment_id) == {*members, *candidates}
    await ended_well(large, operation_id)


async def test_a_small_addition_is_not_frozen_ahead(large: World) -> None:
    await large.candidates(50)
    operation_id = await added(large, await large.segment())
    assert (await status(large, operation_id), await pending(large)) == ("COMPLETED", 0)


async def test_others_have_the_turn_while_it_looks(large: World, worker: Worker) -> None:
    await large.candidates(60)
    other, segment_id = await large.segment(), await large.segment()
    some = await large.candidates(5, {}, city="Rome")

    async def meanwhile() -> None:
        await large.add(other, (await large.candidates(3))[:2])
        await large.remove(other)

    operation_id = await added(large, segment_id, meanwhile)
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 65, "processed": 65, "added": 60, "ineligible": 5}
    assert not (await large.members(segment_id)) & set(some)
    await ended_well(large, operation_id)


async def test_who_withdraws_a_consent_meanwhile_does_not_join(large: World, worker: Worker) -> None:
    candidates = await large.candidates(60)
    segment_id = await large.segment()
    operation_id = await added(large, segment_id, lambda: withdraw(large, *candidates[:4]))
    assert await counts(large, operation_id) == {"matched": 60}
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 60, "processed": 60, "added": 56, "ineligible": 4}
    assert await large.members(segment_id) == set(candidates[4:])
    await ended_well(large, operation_id)


async def test_who_joins_or_leaves_meanwhile_is_where_that_left_them(large: World, worker: Worker) -> None:
    segment_id, other = await large.segment(), await large.segment()
    candidates = await large.candidates(70)
    await large.add(segment_id, candidates[:5])
    await large.add(other, candidates[60:])

    async def meanwhile() -> None:
        await large.remove(segment_id, candidates[:2])
        await large.add(segment_id, candidates[10:13])
        await large.remove(other, candidates[60:])

    operation_id = await added(large, segment_id, meanwhile)
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 70, "processed": 70, "added": 62, "already_member": 8}
    assert await large.members(segment_id) == set(candidates[2:])
    await ended_well(large, operation_id)


@pytest.mark.parametrize("whom", ["pending", "left out"])
async def test_who_is_erased_meanwhile_is_nowhere(large: World, worker: Worker, whom: str) -> None:
    candidates, unwilling = await large.candidates(60), await large.candidates(5, {})
    segment_id = await large.segment()
    gone = {"pending": candidates, "left out": unwilling}[whom][:2]

    async def meanwhile() -> None:
        async with large.database.write(large.account_id) as tx:
            await erase(tx, gone, "tester")

    operation_id = await added(large, segment_id, meanwhile)
    assert (await check(large)).lines() == []
    await worker.run_until_idle()
    assert await large.members(segment_id) == set(candidates) - set(gone)
    await ended_well(large, operation_id)


async def test_room_that_is_taken_meanwhile_is_not_promised_again(large: World, worker: Worker) -> None:
    await large.candidates(60)
    others = await large.candidates(10, city="Rome")
    await large.contract(75)
    small = await large.segment(channel=Channel.SMS)
    segment_id = await large.segment()
    with pytest.raises(QuotaExceededError) as refused:
        await added(large, segment_id, lambda: large.add(small, others))
    assert (refused.value.used, refused.value.reserved) == (10, 0)
    assert (await pending(large), await reserved(large), await large.members(segment_id)) == (0, 0, set())
    assert (await check(large)).lines() == []


async def test_what_a_contract_that_is_too_small_allows_is_filled_in_the_turn(large: World, worker: Worker) -> None:
    candidates = await large.candidates(60)
    await large.contract(55)
    segment_id = await large.segment()
    operation_id = await added(large, segment_id, policy="FILL")
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 60, "processed": 60, "added": 55, "over_quota": 5}
    assert await large.members(segment_id) == set(candidates[:55])
    await ended_well(large, operation_id)


async def test_a_segment_archived_meanwhile_takes_nobody(large: World) -> None:
    await large.candidates(60)
    segment_id = await large.segment()

    async def archive() -> None:
        async with large.database.write(large.account_id) as tx:
            await segments.archive(tx, segment_id)

    with pytest.raises(SegmentArchivedError):
        await added(large, segment_id, archive)
    assert await pending(large) == 0
    assert (await check(large)).lines() == []


async def test_another_number_than_was_seen_is_refused(large: World) -> None:
    await large.candidates(60)
    segment_id = await large.segment()
    with pytest.raises(SearchResultsChangedError):
        await added(large, segment_id, expected_count=59)
    assert await status(large, await added(large, segment_id, expected_count=60)) == "QUEUED"
    assert await pending(large) == 60


async def test_of_the_same_request_twice_at_once_one_is_frozen(large: World) -> None:
    await large.candidates(60)
    segment_id = await large.segment()
    everybody = CandidateSelection(all_search_results=AllSearchResults(CandidateFilter()))

    async def ask(meanwhile: Change) -> UUID | None:
        adding = Adding(str(segment_id), everybody, "REJECT", "tester", large.database.settings)

        async def ahead(tx: Transaction) -> None:
            await adding.look_ahead(tx, "key")
            await meanwhile()

        async with large.database.write(large.account_id, ahead) as tx:
            done = await once(tx, "key", "add", "input", lambda: adding.add(tx, segment_id))
            await adding.forget(tx)
            assert tx.wrote == (meanwhile is nothing)
            return done.id

    first: list[UUID | None] = []

    async def the_other() -> None:
        first.append(await ask(nothing))

    assert await ask(the_other) == first[0]
    assert await pending(large) == 60
    assert (await check(large)).lines() == []


async def test_a_refusal_that_is_kept_under_a_key_leaves_nothing_frozen(large: World) -> None:
    await large.candidates(60)
    await large.contract(55)
    segment_id = await large.segment()
    everybody = CandidateSelection(all_search_results=AllSearchResults(CandidateFilter()))
    adding = Adding(str(segment_id), everybody, "REJECT", "tester", large.database.settings)

    async def ahead(tx: Transaction) -> None:
        await adding.look_ahead(tx, "key")
        assert await tx.fetchval("SELECT count(*) FROM pending_candidate WHERE account_id = $1", large.account_id)

    async with large.database.write(large.account_id, ahead) as tx:
        done = await once(tx, "key", "add", "input", lambda: adding.add(tx, segment_id))
        await adding.forget(tx)
    assert [type(error) for error in done.errors] == [QuotaExceededError]
    assert (await pending(large), await reserved(large)) == (0, 0)
    assert (await check(large)).lines() == []


async def test_consents_that_expire_after_the_freezing_let_nobody_join(large: World, worker: Worker) -> None:
    [row] = await large.run("SELECT clock_timestamp() + interval '2 seconds' WHERE $1::uuid IS NOT NULL")
    short = {"General": {"expires_at": row[0]}, "Text messages": {}}
    await large.candidates(5, short)
    lasting = await large.candidates(60)
    segment_id = await large.segment()
    operation_id = await added(large, segment_id)
    assert await counts(large, operation_id) == {"matched": 65}
    while datetime.now(UTC) <= row[0]:
        await large.run("SELECT pg_sleep(0.05) WHERE $1::uuid IS NOT NULL")
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 65, "processed": 65, "added": 60, "ineligible": 5}
    assert await large.members(segment_id) == set(lasting)
    await ended_well(large, operation_id)


async def test_only_changes_of_what_eligibility_rests_on_make_chunks_look_again(large: World) -> None:
    async def facts() -> int:
        [row] = await large.run("SELECT facts FROM endpoint_usage WHERE account_id = $1")
        found: int = row["facts"]
        return found

    [candidate_id, *_] = await large.candidates(3)
    segment_id = await large.segment()
    before = await facts()
    await large.add(segment_id)
    await large.remove(segment_id)
    await large.contract(1000)
    assert await facts() == before
    await withdraw(large, candidate_id)
    assert await facts() == before + 1
    await large.run("UPDATE candidate SET email = NULL WHERE account_id = $1")
    await large.candidates(1)
    assert await facts() == before + 3
