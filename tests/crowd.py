"""The clients of the chaos test: they ask until they are answered, and know what they asked and were told."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from app.auth import Permission, mint
from app.database import Database
from app.models import Channel
from app.settings import Settings
from tests.conftest import SECRET
from tests.mutations import ADD, CANCEL, RECORD_CONSENTS, REMOVE, UNDO, UPSERT_CANDIDATES, WITHDRAW_CONSENTS
from tests.world import GENERAL, World

CANDIDATES = 1_200
CITIES = 4
LIMIT = 1_500
"""Of the 2,400 endpoints that the candidates could be."""

LONGEST_PAUSE = 0.3
PATIENCES = (0.2, 0.7, 3, 30)
"""Seconds that a client waits for an answer before it asks again: often while the first request is still done."""

SECONDS_FOR_ONE = 90.0

TRY_AGAIN = {"BUSY", "SERVICE_UNAVAILABLE", "TIMEOUT"}
"""The codes of errors that a client may ask again after, with the same key."""

MAY_FAIL = {
    ADD: {"QUOTA_EXCEEDED"},
    REMOVE: set[str](),
    CANCEL: {"OPERATION_FINISHED"},
    UNDO: {"NOT_UNDOABLE"},
    UPSERT_CANDIDATES: set[str](),
    RECORD_CONSENTS: set[str](),
    WITHDRAW_CONSENTS: set[str](),
}
"""What a mutation may be refused for in this test."""


@dataclass(repr=False)
class Asked:
    """A change that a client asked for."""

    key: str
    """Under which it asks, and who it says to be: so that each change can be found by who asked for it."""
    mutation: str
    input: dict[str, Any]
    done: dict[str, Any] = field(default_factory=dict)
    """What it was answered."""

    def __repr__(self) -> str:
        return f"{self.key}: {str(self.input)[:200]}, answered {self.done}"

    @property
    def refusals(self) -> set[str]:
        return {error["code"] for error in self.done["userErrors"]}

    @property
    def operation_id(self) -> UUID | None:
        operation = self.done.get("operation")
        return UUID(operation["id"]) if operation else None


@dataclass
class Figures:
    """What was asked and what came of it."""

    asked: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    tries_in_vain: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"{self.asked.total():,} changes asked for: {dict(self.asked.most_common())}\n"
            f"answers: {dict(self.outcomes.most_common())}\n"
            f"tries in vain: {dict(self.tries_in_vain.most_common())}"
        )


class Line:
    """What clients reach the servers by."""

    def __init__(self, addresses: list[str], settings: Settings, figures: Figures) -> None:
        self._clients = [httpx.AsyncClient(base_url=each, trust_env=False, verify=False) for each in addresses]
        self._settings = settings
        self.figures = figures

    async def close(self) -> None:
        for each in self._clients:
            await each.aclose()

    async def ask(self, account_id: UUID, asked: Asked, chance: random.Random) -> dict[str, Any]:
        """Asks one server or the other until there is an answer. What a client cannot know after a lost connection,
        the key settles."""
        token = mint(SECRET, self._settings, account_id, asked.key, tuple(Permission), timedelta(hours=1))
        body = {"query": asked.mutation, "variables": {"input": asked.input}}
        headers = {"authorization": f"Bearer {token}"}
        name = asked.mutation.split("done: ")[1].split("(")[0]
        self.figures.asked[name] += 1
        async with asyncio.timeout(SECONDS_FOR_ONE):
            while True:
                client, patience = chance.choice(self._clients), chance.choice(PATIENCES)
                try:
                    response = await client.post("/graphql", json=body, headers=headers, timeout=patience)
                except httpx.TransportError as error:
                    self.figures.tries_in_vain[type(error).__name__] += 1
                else:
                    answer = response.json()
                    if "errors" not in answer:
                        break
                    codes = {error["extensions"]["code"] for error in answer["errors"]}
                    assert codes <= TRY_AGAIN, (asked, answer)
                    self.figures.tries_in_vain.update(codes)
                await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE))
        done: dict[str, Any] = answer["data"]["done"]
        refusals = {error["code"] for error in done["userErrors"]}
        assert refusals <= MAY_FAIL[asked.mutation], (asked, done)
        self.figures.outcomes.update(refusals or [(done.get("operation") or {"status": "done"})["status"]])
        return done


@dataclass
class Tenant:
    """An account, and what its clients asked for."""

    world: World
    candidates: list[UUID]
    segments: list[UUID]
    name: str
    asked: list[Asked] = field(default_factory=list)
    addresses: dict[UUID, tuple[bool, bool]] = field(default_factory=dict)
    """Whether candidates have an e-mail address and a verified mobile, as the last sync said."""
    consents: dict[UUID, bool] = field(default_factory=dict)
    """Whether candidates accept the general policy, as they said last."""

    @classmethod
    async def make(cls, database: Database, name: str) -> "Tenant":
        world = await World.make(database, LIMIT)
        candidates = []
        for number in range(CITIES):
            candidates += await world.candidates(CANDIDATES // CITIES, city=f"City {number}")
        await world.run("UPDATE candidate SET external_id = id::text WHERE account_id = $1")
        channels = [Channel.EMAIL, Channel.EMAIL, Channel.SMS, Channel.SMS]
        return cls(world, candidates, [await world.segment(channel=channel) for channel in channels], name)


class Crowd:
    """The clients of one tenant in one round."""

    def __init__(self, tenant: Tenant, line: Line, number: int, chance: random.Random) -> None:
        self._tenant = tenant
        self._line = line
        self._number = number
        self._chance = chance
        self.asked: list[Asked] = []
        self._untouched = chance.sample(tenant.candidates, len(tenant.candidates))
        """Who is still as before the round: nobody changes twice in one, so that what comes of it is known."""

    async def rage(self) -> None:
        """Two large changes at once, then some more of everything."""
        acts = [self._add, self._add, self._remove, self._cancel, self._undo, self._readdress, self._consent]
        async with asyncio.TaskGroup() as tasks:
            for act in (self._add, self._remove, *self._chance.choices(acts, k=6)):
                tasks.create_task(act(random.Random(self._chance.random()), self._chance.uniform(0, 1)))

    async def _add(self, chance: random.Random, delay: float) -> None:
        await asyncio.sleep(delay / 3)
        policy = chance.choice(["REJECT", "FILL", "FILL"])
        await self._ask(chance, ADD, **self._change(chance), onQuotaExceeded=policy)

    async def _remove(self, chance: random.Random, delay: float) -> None:
        await asyncio.sleep(delay / 2)
        await self._ask(chance, REMOVE, **self._change(chance))

    async def _cancel(self, chance: random.Random, delay: float) -> None:
        """One that was asked for in this round, if any was by then."""
        await asyncio.sleep(delay)
        started = [each.operation_id for each in self.asked if each.done and each.operation_id]
        if started:
            await self._ask(chance, CANCEL, keyed=False, operationId=str(chance.choice(started)))

    async def _undo(self, chance: random.Random, delay: float) -> None:
        """One of the last that were asked for, who knows whether it has ended."""
        await asyncio.sleep(delay)
        known = [each for each in self._tenant.asked if each.done and each.operation_id and each.mutation != CANCEL]
        if known:
            await self._ask(chance, UNDO, operationId=str(chance.choice(known[-6:]).operation_id))

    async def _consent(self, chance: random.Random, delay: float) -> None:
        """Some withdraw their consents, or give them again."""
        await asyncio.sleep(delay)
        whom, policy = self._some(chance), str(self._tenant.world.policies[GENERAL])
        withdrawn = chance.random() < 0.5
        if withdrawn:
            ids = [str(id) for id in whom]
            await self._ask(chance, WITHDRAW_CONSENTS, keyed=False, candidateIds=ids, policyId=policy)
        else:
            given = [{"candidateId": str(id), "policyId": policy} for id in whom]
            await self._ask(chance, RECORD_CONSENTS, keyed=False, consents=given)
        self._tenant.consents.update(dict.fromkeys(whom, not withdrawn))

    async def _readdress(self, chance: random.Random, delay: float) -> None:
        """Addresses go, or come back."""
        await asyncio.sleep(delay)
        whom = self._some(chance)
        emails, mobiles = chance.random() < 0.5, chance.random() < 0.5
        people = [
            {
                "externalId": str(id),
                "firstName": "Ada",
                "lastName": "Lovelace",
                "email": f"{id}@example.com" if emails else None,
                "verifiedMobile": "+31612345678" if mobiles else None,
            }
            for id in whom
        ]
        await self._ask(chance, UPSERT_CANDIDATES, keyed=False, candidates=people)
        self._tenant.addresses.update(dict.fromkeys(whom, (emails, mobiles)))

    def _some(self, chance: random.Random) -> list[UUID]:
        count = chance.choice([1, 20, 200])
        some, self._untouched = self._untouched[:count], self._untouched[count:]
        return some

    async def repeat(self) -> None:
        """Asks for something again, long after the answer: it is the same."""
        keyed = [each for each in self._tenant.asked if "idempotencyKey" in each.input]
        asked = self._chance.choice(keyed)
        again = Asked(asked.key, asked.mutation, asked.input)
        again.done = await self._line.ask(self._tenant.world.account_id, again, self._chance)
        assert (again.operation_id, again.refusals) == (asked.operation_id, asked.refusals), asked

    def _change(self, chance: random.Random) -> dict[str, Any]:
        return {"segmentId": str(chance.choice(self._tenant.segments)), "candidates": self._selection(chance)}

    def _selection(self, chance: random.Random) -> dict[str, Any]:
        if chance.random() < 0.25:
            ids = chance.sample(self._tenant.candidates, chance.choice([1, 50, 90, 400]))
            return {"ids": [str(id) for id in ids]}
        city = {"city": {"eq": f"City {chance.randrange(CITIES)}"}}
        return {"allSearchResults": {"filter": city} if chance.random() < 0.3 else {}}

    async def _ask(self, chance: random.Random, mutation: str, keyed: bool = True, **input: Any) -> None:
        key = f"{self._tenant.name}-{self._number}-{len(self.asked)}"
        asked = Asked(key, mutation, {**input, "idempotencyKey": key} if keyed else input)
        self.asked.append(asked)
        self._tenant.asked.append(asked)
        asked.done = await self._line.ask(self._tenant.world.account_id, asked, chance)
