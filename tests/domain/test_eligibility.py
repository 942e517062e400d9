"""The two ways to say who may join always agree, and agree with the rules in plain Python."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from app.database import Database, Transaction
from app.domain.eligibility import Rules, codes_of, eligible, reasons_by_candidate, verdicts
from app.domain.sql import Parameters
from app.models import Channel, IneligibilityCode
from tests.world import World

POLICIES = tuple(uuid7() for _ in range(3))
MAILS = ("ada@example.com", "ADA@example.com", "grace@example.com")
MOBILES = ("+31612345678", "+31687654321")
SUPPRESSED = {Channel.EMAIL: ("ada@example.com", "grace@example.com"), Channel.SMS: MOBILES}

moments = st.sampled_from([-2, -1, 0, 1, 2])
"""Hours from now; now itself among them, where mistakes live."""


@dataclass(frozen=True)
class Agreement:
    granted: int
    expires: int | None
    withdrawn: int | None

    @property
    def reason(self) -> IneligibilityCode | None:
        if self.withdrawn is not None:
            return IneligibilityCode.CONSENT_WITHDRAWN
        if self.expires is not None and self.expires <= 0:
            return IneligibilityCode.CONSENT_EXPIRED
        return IneligibilityCode.CONSENT_MISSING if self.granted > 0 else None


@dataclass(frozen=True)
class Person:
    email: str | None
    mobile: str | None
    agreements: dict[UUID, Agreement]

    def reasons(
        self, channel: Channel, demanded: tuple[UUID, ...], suppressed: set[tuple[Channel, str]]
    ) -> set[IneligibilityCode]:
        reasons = {
            self.agreements[policy].reason if policy in self.agreements else IneligibilityCode.CONSENT_MISSING
            for policy in demanded
        }
        if channel is Channel.EMAIL:
            address, absent = self.email and self.email.lower(), IneligibilityCode.EMAIL_MISSING
        else:
            address, absent = self.mobile, IneligibilityCode.MOBILE_NOT_VERIFIED
        if address is None:
            reasons.add(absent)
        elif (channel, address) in suppressed:
            reasons.add(IneligibilityCode.SUPPRESSED)
        return {reason for reason in reasons if reason is not None}


people = st.builds(
    Person,
    st.none() | st.sampled_from(MAILS),
    st.none() | st.sampled_from(MOBILES),
    st.dictionaries(st.sampled_from(POLICIES), st.builds(Agreement, moments, st.none() | moments, st.none() | moments)),
)
suppressions = st.sets(
    st.sampled_from([(channel, address) for channel, addresses in SUPPRESSED.items() for address in addresses])
)
demands = st.fixed_dictionaries({channel: st.sets(st.sampled_from(POLICIES)).map(tuple) for channel in Channel})


@given(persons=st.lists(people, min_size=1, max_size=12), suppressed=suppressions, demanded=demands)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_a_condition_and_a_list_of_reasons_never_disagree(
    database: Database,
    persons: list[Person],
    suppressed: set[tuple[Channel, str]],
    demanded: dict[Channel, tuple[UUID, ...]],
) -> None:
    world = await World.make(database)
    rules = Rules(demanded, frozenset(channel for channel, _ in suppressed))
    by_id = {uuid7(): person for person in persons}
    async with database.write(world.account_id) as tx:
        await write(tx, by_id, suppressed)
        for channel in Channel:
            reasons = {id: person.reasons(channel, demanded[channel], suppressed) for id, person in by_id.items()}
            assert await told(tx, rules, channel) == reasons
            assert await joining(tx, rules, channel) == {id for id in by_id if not reasons[id]}


async def test_reasons_name_the_policy_they_are_about(world: World) -> None:
    someone = await world.candidate({})
    policy = world.policies["General"]
    rules = Rules({Channel.EMAIL: (policy,), Channel.SMS: ()}, frozenset())
    found = await reasons_by_candidate(world.database, world.account_id, [someone], rules, Channel.EMAIL)
    assert found == {someone: [(IneligibilityCode.CONSENT_MISSING, policy)]}
    assert await reasons_by_candidate(world.database, world.account_id, [someone], rules, Channel.SMS) == {someone: []}


async def joining(tx: Transaction, rules: Rules, channel: Channel) -> set[UUID]:
    """Who may join, by the condition."""
    p = Parameters(tx.account_id)
    condition = eligible(rules, channel, "c", p, p.when_used(tx.now))
    rows = await tx.bulk(f"SELECT c.id FROM candidate c WHERE c.account_id = $1 AND {condition}", *p.values)
    return {row["id"] for row in rows}


async def told(tx: Transaction, rules: Rules, channel: Channel) -> dict[UUID, set[IneligibilityCode]]:
    """Every reason of everybody, by the verdicts."""
    p = Parameters(tx.account_id)
    found = verdicts(rules, channel, "c", p, p.when_used(tx.now))
    rows = await tx.bulk(
        f"SELECT c.id, {found.reasons} AS reasons FROM candidate c {found.joins} WHERE c.account_id = $1", *p.values
    )
    return {row["id"]: set(codes_of(row["reasons"])) for row in rows}


async def write(tx: Transaction, by_id: dict[UUID, Person], suppressed: set[tuple[Channel, str]]) -> None:
    def moment(hours: int | None) -> datetime | None:
        return None if hours is None else tx.now + timedelta(hours=hours)

    account_id = tx.account_id
    persons = [(account_id, id, "Ada", "Lovelace", each.email, each.mobile) for id, each in by_id.items()]
    agreements: list[tuple[Any, ...]] = [
        (account_id, id, policy, moment(each.granted), moment(each.expires), moment(each.withdrawn))
        for id, person in by_id.items()
        for policy, each in person.agreements.items()
    ]
    who = ("account_id", "id", "first_name", "last_name", "email", "verified_mobile")
    agreed = ("account_id", "candidate_id", "policy_id", "granted_at", "expires_at", "withdrawn_at")
    refused = ("account_id", "channel", "address", "reason", "created_by")
    await tx.copy("candidate", who, persons)
    await tx.copy("consent", agreed, agreements)
    await tx.copy("suppression", refused, [(account_id, *each, "complained", "tester") for each in suppressed])
