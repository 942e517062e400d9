"""Whatever is done in whatever order, the database and the rules in plain Python agree on everything.

`--hypothesis-profile=thorough` tries ten times as many stories.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.database import Database, Transaction
from app.domain import consents, lapses, segments
from app.domain.consents import Consent
from app.domain.errors import DomainError, RefusedError
from app.domain.idempotency import once
from app.domain.membership import add_candidates
from app.domain.removal import remove_candidates
from app.domain.search import CandidateFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.models import Channel
from app.settings import Settings
from tests.domain.model import Added, Model, Person, Refusal
from tests.domain.test_check import check
from tests.world import GENERAL, SMS, World

T = TypeVar("T")

SEGMENTS = """
-- Segments as they are.
SELECT s.id, s.name, s.channel::text, s.archived_at IS NOT NULL AS archived, s.member_count,
  ARRAY(SELECT m.candidate_id FROM segment_member m WHERE m.account_id = $1 AND m.segment_id = s.id) AS members
FROM segment s WHERE s.account_id = $1
"""

OPERATION = """
-- What an operation came to.
SELECT matched_count, added_count, removed_count, already_member_count, ineligible_count, over_quota_count, ineligible
FROM membership_operation WHERE account_id = $1 AND id = $2
"""

names = st.sampled_from(["Nurses", "NURSES", "Cooks", "Drivers"])
channels = st.sampled_from(list(Channel))
policies = st.sampled_from([GENERAL, SMS])
keys = st.none() | st.integers(1, 20).map(str)
quotas = st.sampled_from(["REJECT", "FILL"])
some = st.sets(st.integers(0, 9), min_size=1, max_size=8)
"""People by number; there are fewer than these at first."""
which = st.integers(0, 3)
"""A segment, by its place among all that there ever were."""
off_by = st.sampled_from([None, None, 0, 1])
"""What an expected count is wrong by, if one is given."""


@dataclass(frozen=True)
class Outcome:
    """What a mutation came to: an id, or a code."""

    id: UUID | None = None
    code: str | None = None


@dataclass(frozen=True)
class Sent:
    """What was sent under a key, and what it came to."""

    mutation: str
    input: Any
    outcome: Outcome


class Account(RuleBasedStateMachine):
    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        super().__init__()
        self.wait = runner.run
        self.database = database
        self.model = Model()
        self.ids: list[UUID] = []
        """Of the people."""
        self.segment_ids: list[UUID] = []
        """Of all segments there ever were."""
        self.keys: dict[str, Sent] = {}

    @initialize(members=st.tuples(some, some, some), room=st.integers(0, 3))
    def begin(self, members: tuple[set[int], ...], room: int) -> None:
        """Six people, three segments with some of them, and not much room left in the contract."""
        self.world = self.wait(World.make(self.database, self.model.limit))
        for _ in range(6):
            self._be_born(True, True, {GENERAL, SMS})
        for number, channel in enumerate([Channel.EMAIL, Channel.SMS, Channel.EMAIL]):
            self.create(f"Segment {number}", channel, None)
            self.add_some(number, members[number], "REJECT", None)
        self.change_contract(sum(self.model.used) + room)

    # The people

    @precondition(lambda self: len(self.ids) < 10)
    @rule(email=st.booleans(), mobile=st.booleans(), agreed=st.sets(policies))
    def be_born(self, email: bool, mobile: bool, agreed: set[str]) -> None:
        self._be_born(email, mobile, agreed)

    def _be_born(self, email: bool, mobile: bool, agreed: set[str]) -> None:
        absent = {} if email else {"email": None}
        unverified = {} if mobile else {"verified_mobile": None}
        self.ids.append(self.wait(self.world.candidate({name: {} for name in agreed}, **absent, **unverified)))
        self.model.people.append(Person(len(self.model.people), email, mobile, dict.fromkeys(agreed, "agreed")))

    @rule(who=some, policy=policies)
    def agree(self, who: set[int], policy: str) -> None:
        who = self._born(who)
        given = [Consent(self.ids[number], self.world.policies[policy]) for number in sorted(who)]
        kept = self._write(lambda tx: consents.record(tx, given, "tester"))
        assert kept.ended == self.model.say(who, policy, "agreed")

    @rule(who=some, policy=policies)
    def withdraw(self, who: set[int], policy: str) -> None:
        who = self._born(who)
        policy_id = self.world.policies[policy]
        kept = self._write(lambda tx: consents.withdraw(tx, self._ids(who), policy_id, "tester"))
        assert kept.ended == self.model.say(who, policy, "withdrawn")

    @rule(who=some, policy=policies)
    def let_consents_expire(self, who: set[int], policy: str) -> None:
        who = self._born(who)
        self.wait(self.world.lapse(*self._ids(who), policy=policy))
        self.model.lapse(who, policy)

    @rule()
    def sweep(self) -> None:
        assert self._write(lambda tx: lapses.sweep(tx, self.database.settings)) == self.model.sweep()

    @rule(who=some, column=st.sampled_from(["email", "verified_mobile"]), present=st.booleans())
    def readdress(self, who: set[int], column: str, present: bool) -> None:
        who = self._born(who)
        address = {"email": "new@example.com", "verified_mobile": "+31612345678"}[column] if present else None
        ended = self.wait(self.world.readdress(self._ids(who), column, address))
        assert ended == self.model.readdress(who, column, present)

    @rule(limit=st.integers(0, 12))
    def change_contract(self, limit: int) -> None:
        self.wait(self.world.contract(limit))
        self.model.limit = limit

    # The segments

    @rule(name=names, channel=channels, key=keys)
    def create(self, name: str, channel: Channel, key: str | None) -> None:
        number = len(self.segment_ids)
        outcome, fresh = self._change(
            "create", [name, channel], key, lambda tx: segments.create(tx, name, channel),
            lambda: self.model.create(number, name, channel),
        )  # fmt: skip
        if fresh and outcome.id is not None:
            self.segment_ids.append(outcome.id)

    @rule(segment=which, name=names)
    def rename(self, segment: int, name: str) -> None:
        self._change_segment(
            segment, lambda tx, id: segments.rename(tx, id, name), lambda: self.model.rename(segment, name)
        )

    @rule(segment=which, archived=st.sampled_from([True, False, False]))
    def archive_or_restore(self, segment: int, archived: bool) -> None:
        change = segments.archive if archived else segments.restore
        self._change_segment(segment, change, lambda: self.model.archive(segment, archived))

    @rule(segment=which)
    def delete(self, segment: int) -> None:
        self._change_segment(
            segment, lambda tx, id: segments.delete(tx, id, "tester"), lambda: self.model.delete(segment)
        )

    # The members

    @rule(segment=which, who=some, quota=quotas, key=keys)
    def add_some(self, segment: int, who: set[int], quota: Any, key: str | None) -> None:
        who = self._born(who)
        selection = CandidateSelection(ids=[str(id) for id in self._ids(who)])
        self._add(segment, selection, who, quota, None, key)

    @rule(segment=which, excepted=some, quota=quotas, wrong=off_by, key=keys)
    def add_all_but(self, segment: int, excepted: set[int], quota: Any, wrong: int | None, key: str | None) -> None:
        excepted = self._born(excepted)
        who = set(range(len(self.ids))) - excepted
        expected = None if wrong is None else len(who) + wrong
        self._add(segment, self._all_but(excepted, expected), who, quota, expected, key)

    @rule(segment=which, who=some, key=keys)
    def remove_some(self, segment: int, who: set[int], key: str | None) -> None:
        who = self._born(who)
        self._remove(segment, CandidateSelection(ids=[str(id) for id in self._ids(who)]), who, None, key)

    @rule(segment=which, excepted=some, expected=st.none() | st.integers(0, 4), key=keys)
    def remove_all_but(self, segment: int, excepted: set[int], expected: int | None, key: str | None) -> None:
        excepted = self._born(excepted)
        who = set(range(len(self.ids))) - excepted
        self._remove(segment, self._all_but(excepted, expected), who, expected, key)

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.keys)))
        sent = self.keys[key]
        self._change(sent.mutation, sent.input, key, _never, lambda: None)

    def _add(
        self, segment: int, selection: CandidateSelection, who: set[int], quota: Any, expected: int | None,
        key: str | None,
    ) -> None:  # fmt: skip
        id = self._segment_id(segment)
        found: list[Added] = []
        outcome, fresh = self._change(
            "add", [id, selection, quota], key,
            lambda tx: add_candidates(tx, id, selection, quota, "tester", self.database.settings),
            lambda: found.append(self.model.add(segment, who, quota, expected)),
        )  # fmt: skip
        if fresh and outcome.id is not None:
            row = self._operation(outcome.id)
            reasons = {code: row["ineligible"][code] for code in row["ineligible"]}
            assert found == [
                Added(
                    row["matched_count"], row["added_count"], row["already_member_count"], row["ineligible_count"],
                    row["over_quota_count"], reasons,
                )
            ]  # fmt: skip

    def _remove(
        self, segment: int, selection: CandidateSelection, who: set[int], expected: int | None, key: str | None
    ) -> None:
        id = self._segment_id(segment)
        removed: list[int] = []
        outcome, fresh = self._change(
            "remove", [id, selection], key,
            lambda tx: remove_candidates(tx, id, selection, "tester", self.database.settings),
            lambda: removed.append(self.model.remove(segment, who, expected)),
        )  # fmt: skip
        if fresh and outcome.id is not None:
            row = self._operation(outcome.id)
            assert [row["removed_count"], row["matched_count"]] == removed * 2

    # Both at once

    @invariant()
    def agree_on_everything(self) -> None:
        rows = self.wait(self.database.fetch(SEGMENTS, self.world.account_id))
        found = {
            self.segment_ids.index(row["id"]): (
                row["name"], row["channel"], row["archived"], row["member_count"],
                {self.ids.index(id) for id in row["members"]},
            )
            for row in rows
        }  # fmt: skip
        assert found == {
            number: (group.name, group.channel, group.archived, len(group.members), group.members)
            for number, group in self.model.groups.items()
        }
        assert self.wait(self.world.used()) == self.model.used

    def teardown(self) -> None:
        if hasattr(self, "world"):
            assert not self.wait(check(self.world)).breaches

    def _change(
        self, mutation: str, input: Any, key: str | None, work: Callable[[Transaction], Awaitable[UUID]],
        rule: Callable[[], object],
    ) -> tuple[Outcome, bool]:  # fmt: skip
        """Does it in the database and in the model, which must come to the same. Says whether it was done just now."""
        outcome = self.wait(_done(self.database, self.world.account_id, key, mutation, input, work))
        sent = self.keys.get(key) if key else None
        if sent is not None:
            same = (sent.mutation, sent.input) == (mutation, input)
            assert outcome == (sent.outcome if same else Outcome(code="IDEMPOTENCY_KEY_REUSED"))
            return outcome, False
        assert outcome.code == _refusal(rule)
        if key:
            self.keys[key] = Sent(mutation, input, outcome)
        return outcome, True

    def _change_segment(
        self, segment: int, change: Callable[[Transaction, UUID], Awaitable[None]], rule: Callable[[], None]
    ) -> None:
        id = self._segment_id(segment)

        async def work(tx: Transaction) -> UUID:
            await change(tx, id)
            return id

        self._change("change", id, None, work, rule)

    def _write(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        async def written() -> T:
            async with self.database.write(self.world.account_id) as tx:
                return await work(tx)

        return self.wait(written())

    def _operation(self, id: UUID) -> Any:
        [row] = self.wait(self.database.fetch(OPERATION, self.world.account_id, id))
        return row

    def _segment_id(self, number: int) -> UUID:
        """Of a segment that is or was, or of none."""
        return self.segment_ids[number] if number < len(self.segment_ids) else uuid4()

    def _born(self, who: set[int]) -> set[int]:
        return {number for number in who if number < len(self.ids)}

    def _ids(self, who: set[int]) -> list[UUID]:
        return [self.ids[number] for number in sorted(who)]

    def _all_but(self, excepted: set[int], expected: int | None) -> CandidateSelection:
        except_ids = [str(id) for id in self._ids(excepted)]
        return CandidateSelection(all_search_results=AllSearchResults(CandidateFilter(), except_ids, expected))


async def _done(
    database: Database, account_id: UUID, key: str | None, mutation: str, input: Any,
    work: Callable[[Transaction], Awaitable[UUID]],
) -> Outcome:  # fmt: skip
    """As the mutations do it: one transaction, undone by what it raises; with a key, done once."""
    try:
        async with database.write(account_id) as tx:
            done = await once(tx, key, mutation, input, lambda: work(tx))
            return Outcome(done.id, done.errors[0].code if done.errors else None)
    except DomainError as error:
        return Outcome(code=error.code)
    except RefusedError as refused:
        return Outcome(code=refused.errors[0].code)


async def _never(_: Transaction) -> UUID:
    raise AssertionError("done a second time")


def _refusal(rule: Callable[[], object]) -> str | None:
    try:
        rule()
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.timeout(900)  # A story that fails is made shorter first, which takes minutes.
def test_the_database_and_the_rules_agree_on_every_story(database_url: str, settings: Settings) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database = runner.run(Database.open(database_url, settings))
        try:
            run_state_machine_as_test(
                lambda: Account(runner, database),  # type: ignore[arg-type]
                settings=hypothesis_settings(
                    stateful_step_count=25,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.close())
