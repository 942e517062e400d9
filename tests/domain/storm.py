"""The weather of the storm: clients that change everything at once, and the figures of what came of it."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.database import BusyError
from app.domain import consents, lapses, requirements, suppressions
from app.domain.consents import Consent
from app.domain.suppressions import Address
from app.domain.sweeping import sweep_due
from app.models import Channel
from tests.client import Client
from tests.mutations import ADD, ARCHIVE, CREATE, DELETE, REMOVE, RENAME, RESTORE
from tests.world import World

CITIES = 20
SEGMENTS_ABOUT = 14
SECONDS = 150


@dataclass
class Figures:
    """What was done and what came of it."""

    mutations: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    """Errors outside the payloads, by code, and bad statuses."""
    underneath: Counter[str] = field(default_factory=Counter)
    broken_connections: int = 0
    repetitions: int = 0
    samples: int = 0
    full: int = 0
    """Samples with every endpoint of the contract in use."""
    checks: int = 0
    kills: int = 0
    seconds: float = 0

    def __str__(self) -> str:
        total = self.mutations.total()
        return "\n".join(
            (
                f"\n{total:,} mutations in {self.seconds:.0f} s, {total / self.seconds:.0f} a second:"
                f" {dict(self.mutations.most_common())}",
                f"outcomes: {dict(self.outcomes.most_common())}; other errors: {dict(self.masked)}",
                f"{self.repetitions:,} repeated under their key, {self.broken_connections} connections broken by"
                f" {self.kills} kills",
                f"watched meanwhile: {self.samples:,} samples, {self.full:,} of them with a full contract, and"
                f" {self.checks} checks",
                f"underneath: {dict(self.underneath.most_common())}",
            )
        )


@dataclass
class Storm:
    world: World
    clients: list[Client]
    """One per server process."""
    candidates: list[UUID]
    figures: Figures = field(default_factory=Figures)
    segments: dict[UUID, Channel] = field(default_factory=dict)
    operations: set[str] = field(default_factory=set)
    """Those that clients were told of."""
    chance: random.Random = field(default_factory=lambda: random.Random(os.environ.get("STORM_SEED", "1")))
    started: float = field(default_factory=time.monotonic)
    wanted: int = int(os.environ.get("STORM_MUTATIONS", "0"))

    @property
    def progress(self) -> float:
        """From 0 to 1: over the mutations asked for by STORM_MUTATIONS, or else over time."""
        if self.wanted:
            return self.figures.mutations.total() / self.wanted
        return (time.monotonic() - self.started) / SECONDS

    @property
    def goes_on(self) -> bool:
        return self.progress < 1

    # Over HTTP

    async def client(self) -> None:
        """Changes one thing after the other."""
        acts: list[Callable[[], Awaitable[None]]] = [
            self._add, self._remove, self._archive, self._restore, self._rename, self._create, self._delete
        ]  # fmt: skip
        while self.goes_on:
            [act] = self.chance.choices(acts, (45, 33, 3, 9, 4, 3, 3))
            await act()

    async def make_segments(self) -> None:
        while len(self.segments) < SEGMENTS_ABOUT:
            await self._create()

    async def _add(self) -> None:
        policy = self.chance.choice(["REJECT", "FILL"])
        await self._change_members(ADD, onQuotaExceeded=policy)

    async def _remove(self) -> None:
        await self._change_members(REMOVE)

    async def _change_members(self, mutation: str, **more: str) -> None:
        input = {
            "segmentId": str(self._segment()),
            "candidates": self._selection(),
            "idempotencyKey": uuid4().hex,
            **more,
        }
        done = await self._send(mutation, **input)
        if done["operation"] is not None:
            self.operations.add(done["operation"]["id"])
        if self.chance.random() < 0.1:
            again = await self._send(mutation, **input)
            self.figures.repetitions += 1
            assert again == done, (again, done)

    def _selection(self) -> dict[str, Any]:
        if self.chance.random() < 0.6:
            count = self.chance.choice([1, 1, 5, 40])
            return {"ids": [str(id) for id in self.chance.sample(self.candidates, count)]}
        city: dict[str, Any] = {"city": {"eq": f"City {self.chance.randrange(CITIES)}"}}
        wanted: dict[str, Any] = self.chance.choice(
            [city, {**city, "hasVerifiedMobile": True}, {"or": [city, {"inSegment": str(self._segment())}]}]
        )
        excepted = [str(id) for id in self.chance.sample(self.candidates, 10)]
        return {"allSearchResults": {"filter": wanted, "exceptIds": excepted}}

    async def _archive(self) -> None:
        await self._send(ARCHIVE, segmentId=str(self._segment()))

    async def _restore(self) -> None:
        await self._send(RESTORE, segmentId=str(self._segment()))

    async def _rename(self) -> None:
        await self._send(RENAME, segmentId=str(self._segment()), name=self._name())

    async def _create(self) -> None:
        channel = self.chance.choice(list(Channel))
        done = await self._send(CREATE, name=self._name(), channel=channel.value, idempotencyKey=uuid4().hex)
        if done["segment"] is not None:
            self.segments[UUID(done["segment"]["id"])] = channel

    async def _delete(self) -> None:
        segment_id = self._segment()
        if len(self.segments) < SEGMENTS_ABOUT - 4:
            await self._create()
            return
        await self._send(DELETE, segmentId=str(segment_id))
        self.segments.pop(segment_id, None)

    def _segment(self) -> UUID:
        return self.chance.choice(list(self.segments))

    def _name(self) -> str:
        return f"Segment {self.chance.randrange(5 * SEGMENTS_ABOUT)}"

    async def _send(self, mutation: str, **input: Any) -> dict[str, Any]:
        """Sends until it is answered. What a client cannot know after a broken connection, its key settles."""
        body = {"query": mutation, "variables": {"input": input}}
        while True:
            try:
                response = await self.chance.choice(self.clients).http.post("/graphql", json=body)
            except httpx.TransportError:
                self.figures.broken_connections += 1
                await asyncio.sleep(0.05)
                continue
            answer = response.json()
            if response.status_code == 200 and "errors" not in answer:
                break
            codes = [error["extensions"]["code"] for error in answer["errors"]]
            self.figures.masked.update([f"{response.status_code} {code}" for code in codes])
            assert codes == ["BUSY"], answer
        self.figures.mutations[mutation.split("done: ")[1].split("(")[0]] += 1
        done: dict[str, Any] = answer["data"]["done"]
        self.figures.outcomes.update([error["code"] for error in done["userErrors"]] or ["done"])
        return done

    # Underneath, where consents and addresses come from

    async def weather(self) -> None:
        """Withdraws and grants consents and changes addresses, by the rules but past the servers."""
        changes = [self._withdraw, self._grant, self._readdress, self._sweep, self._suppress, self._lift, self._demand]
        while self.goes_on:
            [change] = self.chance.choices(changes, (30, 50, 30, 10, 10, 10, 6))
            try:
                await change(self.chance.sample(self.candidates, self.chance.choice([1, 5, 25])))
                self.figures.underneath[change.__name__.strip("_")] += 1
            except BusyError:
                self.figures.underneath["busy"] += 1
            await asyncio.sleep(0.05)

    async def _withdraw(self, candidate_ids: list[UUID]) -> None:
        policy = self.chance.choice(list(self.world.policies.values()))
        async with self.world.database.write(self.world.account_id) as tx:
            await consents.withdraw(tx, candidate_ids, policy, "weather")

    async def _grant(self, candidate_ids: list[UUID]) -> None:
        """Some for ever, some for a moment: those expire with nothing to notice it but the next change."""
        moments = [None, None, 0.2, 2, 10]
        given = [
            Consent(id, policy, expires_at=None if lasts is None else datetime.now(UTC) + timedelta(seconds=lasts + 1))
            for id in candidate_ids
            for policy in self.world.policies.values()
            for lasts in [self.chance.choice(moments)]
        ]
        async with self.world.database.write(self.world.account_id) as tx:
            granted_at = tx.now
            sound = [each for each in given if each.expires_at is None or each.expires_at > granted_at]
            await consents.record(tx, sound, "weather")

    async def _readdress(self, candidate_ids: list[UUID]) -> None:
        column = self.chance.choice(["email", "verified_mobile"])
        new = "new@example.com" if column == "email" else "+31612345678"
        await self.world.readdress(candidate_ids, column, self.chance.choice([None, new, new]))

    async def _sweep(self, _: list[UUID]) -> None:
        async with self.world.database.write(self.world.account_id) as tx:
            await lapses.sweep(tx, self.world.database.settings)

    async def _suppress(self, candidate_ids: list[UUID]) -> None:
        given = [Address(Channel.EMAIL, f"{id}@example.com", "weather") for id in candidate_ids]
        async with self.world.database.write(self.world.account_id) as tx:
            await suppressions.add(tx, given, "weather")

    async def _lift(self, _: list[UUID]) -> None:
        await self.world.run("DELETE FROM suppression WHERE account_id = $1")

    async def _demand(self, _: list[UUID]) -> None:
        """Now more, now less, of one channel. Those who do not meet it are too many to leave at once."""
        few = self.world.database.settings.model_copy(update={"inline_add_limit": 20})
        policies = list(self.world.policies.values())[: self.chance.choice([1, 1, 2])]
        channel = self.chance.choice(list(Channel))
        async with self.world.database.write(self.world.account_id) as tx:
            await requirements.demand(tx, channel, policies, None, "weather", few)
        await sweep_due(self.world.database)
