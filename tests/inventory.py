"""An account with some of everything, for tests that go over the whole graph."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Database
from app.domain.idempotency import once
from app.domain.removal import remove_candidates
from app.domain.selection import CandidateSelection
from app.models import Channel
from tests.world import GENERAL, SMS, World

TABLES = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'account_id' ORDER BY table_name
"""


@dataclass
class Inventory:
    """`ids` has by the type of the graph what the account has of it; `label` stands in all its texts."""

    world: World
    label: str
    ids: dict[str, list[UUID]] = field(default_factory=dict)
    made_at: str = ""
    """A moment at which it had all of it."""

    @property
    def account_id(self) -> UUID:
        return self.world.account_id

    async def use_key(self, key: str) -> None:
        """Uses an idempotency key for something."""

        async def nothing() -> UUID:
            return self.account_id

        async with self.world.database.write(self.account_id) as tx:
            await once(tx, key, "nothing", {}, nothing)

    def one(self, kind: str) -> UUID:
        return self.ids[kind][0]

    @classmethod
    async def make(cls, database: Database, label: str) -> Self:
        inventory = cls(await World.make(database), label)
        inventory.ids["Account"] = [inventory.account_id]
        inventory.ids["PrivacyPolicy"] = list(inventory.world.policies.values())
        await inventory._make_candidates()
        await inventory._make_segments()
        await inventory._make_sources()
        await inventory._make_campaign()
        await inventory._make_marks()
        await inventory.use_key(f"{label} key")
        inventory.made_at = datetime.now(UTC).isoformat()
        return inventory

    async def _make_candidates(self) -> None:
        may_join = [
            await self.world.candidate(
                external_id=f"{self.label} {number}",
                first_name=self.label,
                last_name=f"Lovelace {number}",
                email=f"{self.label}{number}@example.com",
                city=f"{self.label} city",
                headline=f"{self.label} headline",
            )
            for number in range(1, 5)
        ]
        by_mail_only = await self.world.candidate({GENERAL: {}}, first_name=self.label, last_name="by mail only")
        said_nothing = await self.world.candidate({}, first_name=self.label, last_name="said nothing")
        self.ids["Candidate"] = [*may_join, by_mail_only, said_nothing]

    async def _make_segments(self) -> None:
        """The first segment has all who may join it but one, who left; the second has one member, the third none."""
        candidates = self.ids["Candidate"]
        segments = [
            await self.world.segment(f"{self.label} by mail"),
            await self.world.segment(f"{self.label} by message", Channel.SMS),
            await self.world.segment(f"{self.label} empty"),
        ]
        self.ids["Segment"] = segments
        removal = CandidateSelection(ids=[str(candidates[3])])
        operations = [await self.world.add(segments[0]), await self.world.add(segments[1], [candidates[0]])]
        async with self.world.database.write(self.account_id) as tx:
            operations.append(await remove_candidates(tx, segments[0], removal, "world", self.world.database.settings))
        self.ids["MembershipOperation"] = operations

    async def _make_sources(self) -> None:
        candidates = self.ids["Candidate"]
        self.ids["Vacancy"] = [uuid7(), uuid7()]
        self.ids["CandidateList"] = [uuid7(), uuid7()]
        for index, id in enumerate(self.ids["Vacancy"]):
            external_id = f"{self.label} {index + 1}"
            await self.world.insert("vacancy", id=id, external_id=external_id, title=f"{self.label} vacancy {index}")
            for candidate_id in candidates[:2]:
                await self.world.insert("application", candidate_id=candidate_id, vacancy_id=id)
        for index, id in enumerate(self.ids["CandidateList"]):
            external_id = f"{self.label} {index + 1}"
            await self.world.insert("candidate_list", id=id, external_id=external_id, name=f"{self.label} list {index}")
            for candidate_id in candidates[:2]:
                await self.world.insert("candidate_list_member", candidate_id=candidate_id, list_id=id)

    async def _make_campaign(self) -> None:
        self.ids["Campaign"] = [uuid7()]
        await self.world.insert("campaign", id=self.one("Campaign"), name=f"{self.label} campaign", channel="EMAIL")
        await self.world.insert("campaign_segment", campaign_id=self.one("Campaign"), segment_id=self.one("Segment"))

    async def _make_marks(self) -> None:
        """What has no id of its own."""
        await self.world.insert(
            "suppression", channel="EMAIL", address=f"{self.label}@example.org", reason="asked", created_by="world"
        )
        await self.world.insert("erased_candidate", external_id_hash=sha256(self.label.encode()).digest())
        now = datetime.now(UTC)
        await self.world.insert("audit_entry", id=uuid7(), at=now, subject=self.label, action="nothing")
        await self.world.insert(
            "consent",
            candidate_id=self.ids["Candidate"][5],
            policy_id=self.world.policies[SMS],
            granted_at=now - timedelta(days=2),
            withdrawn_at=now - timedelta(days=1),
            source=f"{self.label} form",
        )

    async def digest(self) -> dict[str, Any]:
        """A digest of the account's rows by table: equal when nothing was changed. That something was tried may count
        among the facts."""
        database = self.world.database
        tables = [row["table_name"] for row in await database.fetch(TABLES)]
        digests = " UNION ALL ".join(
            f"SELECT '{table}' AS name, md5(coalesce(string_agg({row}, ' ' ORDER BY {row}), '')) AS digest"
            f" FROM {table} t WHERE account_id = $1"
            for table in tables
            for row in ["(to_jsonb(t) - 'facts')::text" if table == "endpoint_usage" else "t::text"]
        )
        rows: list[Record] = await database.fetch(digests, self.account_id)
        account = await database.fetch("SELECT md5(a::text) AS digest FROM account a WHERE id = $1", self.account_id)
        return {"account": account[0]["digest"], **{row["name"]: row["digest"] for row in rows}}

    def traces_in(self, text: str) -> list[str]:
        """What of this account's is in the text."""
        ids = [str(id) for ids in self.ids.values() for id in ids]
        return [trace for trace in [*ids, self.label, self.world.account.name] if trace in text]
