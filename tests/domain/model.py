"""The rules in plain Python, in memory: as simple as they can be said, to hold the database to."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from app.models import Channel, IneligibilityCode
from tests.world import GENERAL, SMS

DEMANDED = {Channel.EMAIL: (GENERAL,), Channel.SMS: (GENERAL, SMS)}

Word = Literal["agreed", "withdrawn", "expired"]

REASON = {
    None: IneligibilityCode.CONSENT_MISSING,
    "withdrawn": IneligibilityCode.CONSENT_WITHDRAWN,
    "expired": IneligibilityCode.CONSENT_EXPIRED,
}


class Refusal(Exception):  # noqa: N818
    """The mutation fails with this code and changes nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Person:
    """Somebody. The number says who was created first."""

    number: int
    email: bool
    mobile: bool
    words: dict[str, Word]
    """By policy, the last word."""

    def reasons(self, channel: Channel) -> set[IneligibilityCode]:
        """Why they may not join."""
        reasons = {REASON[self.words.get(policy)] for policy in DEMANDED[channel] if self.words.get(policy) != "agreed"}
        if channel is Channel.EMAIL and not self.email:
            reasons.add(IneligibilityCode.EMAIL_MISSING)
        if channel is Channel.SMS and not self.mobile:
            reasons.add(IneligibilityCode.MOBILE_NOT_VERIFIED)
        return reasons


@dataclass
class Group:
    """A segment."""

    name: str
    channel: Channel
    archived: bool = False
    members: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Added:
    """What an addition came to."""

    matched: int
    added: int
    already_member: int
    ineligible: int
    over_quota: int
    reasons: dict[IneligibilityCode, int]


@dataclass
class Model:
    limit: int = 1_000
    people: list[Person] = field(default_factory=list)
    groups: dict[int, Group] = field(default_factory=dict)
    lapsed: set[int] = field(default_factory=set)
    """Those of whom a consent expired since the last sweep."""

    def endpoints(self, channel: Channel) -> set[int]:
        """The people who are in some segment of the channel."""
        return set[int]().union(*(group.members for group in self.groups.values() if group.channel is channel))

    @property
    def used(self) -> tuple[int, int]:
        return len(self.endpoints(Channel.EMAIL)), len(self.endpoints(Channel.SMS))

    # Segments

    def create(self, number: int, name: str, channel: Channel) -> None:
        self._demand_free(name, None)
        self.groups[number] = Group(name, channel)

    def rename(self, number: int, name: str) -> None:
        group = self._group(number)
        self._demand_free(name, number)
        group.name = name

    def archive(self, number: int, archived: bool) -> None:
        self._group(number).archived = archived

    def delete(self, number: int) -> None:
        self._group(number)
        del self.groups[number]

    # Members

    def add(self, number: int, who: Collection[int], policy: str, expected: int | None = None) -> Added:
        lost = self._lost(self.lapsed)
        group = self._open(number)
        present = {n: each.members - lost.get(n, set()) for n, each in self.groups.items()}
        if expected is not None and expected != len(who):
            raise Refusal("SEARCH_RESULTS_CHANGED")
        channel = group.channel
        used = {
            each: set[int]().union(*(present[n] for n, other in self.groups.items() if other.channel is each))
            for each in Channel
        }
        room = max(0, self.limit - len(used[Channel.EMAIL]) - len(used[Channel.SMS]))
        outside = set(who) - present[number]
        addable = {person for person in outside if not self.people[person].reasons(channel)}
        new = sorted(addable - used[channel])
        if len(new) > room and policy == "REJECT":
            raise Refusal("QUOTA_EXCEEDED")
        added = (addable & used[channel]) | set(new[:room])
        self.sweep()
        group.members |= added
        return Added(
            matched=len(who),
            added=len(added),
            already_member=len(who) - len(outside),
            ineligible=len(outside - addable),
            over_quota=len(addable) - len(added),
            reasons=dict(Counter(code for person in outside for code in self.people[person].reasons(channel))),
        )

    def remove(self, number: int, who: Collection[int], expected: int | None = None) -> int:
        group = self._open(number)
        leaving = (group.members - self._lost(self.lapsed).get(number, set())) & set(who)
        if expected is not None and expected != len(leaving):
            raise Refusal("SEARCH_RESULTS_CHANGED")
        self.sweep()
        group.members -= leaving
        return len(leaving)

    # What eligibility rests on

    def say(self, who: Iterable[int], policy: str, word: Word) -> int:
        """Returns how many memberships end at once."""
        changed = set()
        for number in who:
            before = self.people[number].words.get(policy)
            if word == "agreed" or before not in (None, "withdrawn"):
                self.people[number].words[policy] = word
                changed.add(number)
        return self._end(changed)

    def lapse(self, who: Iterable[int], policy: str) -> None:
        for number in who:
            if self.people[number].words.get(policy) == "agreed":
                self.people[number].words[policy] = "expired"
                self.lapsed.add(number)

    def readdress(self, who: Iterable[int], column: str, present: bool) -> int:
        for number in who:
            setattr(self.people[number], "email" if column == "email" else "mobile", present)
        return self._end(who)

    def sweep(self) -> int:
        ended = self._end(self.lapsed)
        self.lapsed.clear()
        return ended

    def _lost(self, who: Iterable[int]) -> dict[int, set[int]]:
        """The members of each segment, among these people, who may not stay."""
        people = set(who)
        return {
            number: {person for person in group.members & people if self.people[person].reasons(group.channel)}
            for number, group in self.groups.items()
        }

    def _end(self, who: Iterable[int]) -> int:
        ended = 0
        for number, lost in self._lost(who).items():
            self.groups[number].members -= lost
            ended += len(lost)
        return ended

    def _group(self, number: int) -> Group:
        if number not in self.groups:
            raise Refusal("NOT_FOUND")
        return self.groups[number]

    def _open(self, number: int) -> Group:
        group = self._group(number)
        if group.archived:
            raise Refusal("SEGMENT_ARCHIVED")
        return group

    def _demand_free(self, name: str, number: int | None) -> None:
        if any(each.name.casefold() == name.casefold() and n != number for n, each in self.groups.items()):
            raise Refusal("NAME_TAKEN")
