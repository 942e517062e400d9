"""What tests are about: an account with as many candidates, consents and segments as they need.

Written through the program's own transactions, so that nothing here can break a rule by accident.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from app.database import Database
from app.domain import accounts, operations, segments
from app.domain.accounts import Account
from app.domain.lapses import end_lost_memberships
from app.domain.membership import QuotaPolicy, add_candidates
from app.domain.removal import remove_candidates
from app.domain.search import CandidateFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.domain.undoing import undo
from app.models import Channel

GENERAL = "General"
SMS = "Text messages"

AGREED: dict[str, dict[str, Any]] = {GENERAL: {}, SMS: {}}
"""An active consent for both policies."""

ABANDON = """
UPDATE membership_operation SET status = 'CANCELLED', finished_at = now()
WHERE account_id = $1 AND status IN ('QUEUED', 'RUNNING')
"""


@dataclass
class World:
    database: Database
    account: Account
    policies: dict[str, UUID]

    @property
    def account_id(self) -> UUID:
        return self.account.id

    @classmethod
    async def make(cls, database: Database, limit: int = 1_000_000) -> Self:
        """EMAIL demands the general policy; SMS demands both."""
        account = await accounts.create(database, f"account {uuid4()}")
        policies: dict[str, UUID] = {GENERAL: uuid7(), SMS: uuid7()}
        world = cls(database, account, policies)
        async with database.write(account.id) as tx:
            await tx.copy(
                "privacy_policy",
                ("account_id", "id", "name"),
                [(account.id, id, name) for name, id in policies.items()],
            )
            required = [("EMAIL", GENERAL), ("SMS", GENERAL), ("SMS", SMS)]
            await tx.copy(
                "policy_requirement",
                ("account_id", "channel", "policy_id"),
                [(account.id, channel, policies[name]) for channel, name in required],
            )
        await world.contract(limit)
        return world

    async def contract(self, limit: int, starts_on: date | None = None, ends_on: date | None = None) -> None:
        """Replaces the contract by one in force today, or between these dates."""
        today = datetime.now(UTC).date()
        values = (limit, starts_on or today - timedelta(days=30), ends_on or today + timedelta(days=300))
        async with self.database.write(self.account_id) as tx:
            await tx.fetch("DELETE FROM contract WHERE account_id = $1", self.account_id)
            await tx.fetch(
                "INSERT INTO contract (account_id, id, name, endpoint_limit, starts_on, ends_on)"
                " VALUES ($1, $2, 'The contract', $3, $4, $5)",
                self.account_id,
                uuid7(),
                *values,
            )

    async def another_contract(self, name: str, limit: int, starts_on: date, ends_on: date) -> None:
        """A contract beside those there are."""
        dates = {"starts_on": starts_on, "ends_on": ends_on}
        await self.insert("contract", id=uuid7(), name=name, endpoint_limit=limit, **dates)

    async def candidate(self, consents: dict[str, dict[str, Any]] | None = None, **values: Any) -> UUID:
        """One candidate who may be contacted in every way, but for what is given."""
        return (await self.candidates(1, consents, **values))[0]

    async def candidates(
        self, count: int, consents: dict[str, dict[str, Any]] | None = None, **values: Any
    ) -> list[UUID]:
        """Candidates, the first one created first. `consents` says by policy what differs from an active one."""
        ids: list[UUID] = [uuid7() for _ in range(count)]
        now = datetime.now(UTC)
        given = AGREED if consents is None else consents
        people = []
        for index, id in enumerate(ids):
            person = {
                "account_id": self.account_id,
                "id": id,
                "first_name": "Ada",
                "last_name": f"Lovelace {index}",
                "email": f"{id}@example.com",
                "verified_mobile": f"+31612{id.int % 10**6:06}",
                "created_at": now - timedelta(days=1) + timedelta(milliseconds=index),
                **values,
            }
            people.append(person)
        agreed = [
            {
                "account_id": self.account_id,
                "candidate_id": id,
                "policy_id": self.policies[name],
                "granted_at": now - timedelta(days=1),
                "expires_at": None,
                "withdrawn_at": None,
                **differences,
            }
            for id in ids
            for name, differences in given.items()
        ]
        async with self.database.write(self.account_id) as tx:
            await _copy(tx, "candidate", people)
            await _copy(tx, "consent", agreed)
        return ids

    async def segment(self, name: str | None = None, channel: Channel = Channel.EMAIL) -> UUID:
        async with self.database.write(self.account_id) as tx:
            return await segments.create(tx, name or f"segment {uuid4()}", channel)

    async def add(
        self, segment_id: UUID, candidate_ids: Sequence[UUID] | None = None, policy: QuotaPolicy = "REJECT"
    ) -> UUID:
        """Adds these candidates, or all there are, by the rules. Returns the operation."""
        selection = _selection(candidate_ids)
        async with self.database.write(self.account_id) as tx:
            return await add_candidates(tx, segment_id, selection, policy, "world", self.database.settings)

    async def remove(self, segment_id: UUID, candidate_ids: Sequence[UUID] | None = None) -> UUID:
        """Removes these members, or all there are, by the rules. Returns the operation."""
        selection = _selection(candidate_ids)
        async with self.database.write(self.account_id) as tx:
            return await remove_candidates(tx, segment_id, selection, "world", self.database.settings)

    async def undo(self, operation_id: UUID) -> UUID:
        """Undoes an operation, by the rules. Returns the one that does so."""
        async with self.database.write(self.account_id) as tx:
            return await undo(tx, operation_id, "world", self.database.settings)

    async def cancel(self, operation_id: UUID) -> None:
        async with self.database.write(self.account_id) as tx:
            await operations.cancel(tx, operation_id)

    async def operation(self, operation_id: UUID) -> Any:
        """The row of an operation."""
        [row] = await self.run("SELECT * FROM membership_operation WHERE account_id = $1 AND id = $2", operation_id)
        return row

    async def members(self, segment_id: UUID) -> set[UUID]:
        rows = await self.run(
            "SELECT candidate_id FROM segment_member WHERE account_id = $1 AND segment_id = $2", segment_id
        )
        return {row["candidate_id"] for row in rows}

    async def readdress(self, candidate_ids: Sequence[UUID], column: str, address: str | None) -> int:
        """Changes the `email` or `verified_mobile` of candidates, by the rules. Returns how many memberships ended."""
        async with self.database.write(self.account_id) as tx:
            await tx.bulk(
                f"UPDATE candidate SET {column} = $3 WHERE account_id = $1 AND id = ANY($2::uuid[])",
                self.account_id,
                list(candidate_ids),
                address,
            )
            return await end_lost_memberships(tx, candidate_ids, "An address changed.", "world")

    async def used(self) -> tuple[int, int]:
        """The endpoints counted, EMAIL and SMS."""
        row = await self.database.fetchrow(
            "SELECT email_used, sms_used FROM endpoint_usage WHERE account_id = $1", self.account_id
        )
        assert row is not None
        return row["email_used"], row["sms_used"]

    async def insert(self, table: str, **values: Any) -> None:
        async with self.database.write(self.account_id) as tx:
            await _copy(tx, table, [{"account_id": self.account_id, **values}])

    async def run(self, statement: str, *values: Any) -> list[Any]:
        """Runs a statement of which $1 is the account: to see rows, and to make what only time can make."""
        async with self.database.write(self.account_id) as tx:
            return await tx.fetch(statement, self.account_id, *values)

    async def leave_nothing_to_do(self) -> None:
        """Ends what has not ended, by no rules: workers of later tests would go on with it, or stumble over what was
        broken on purpose."""
        await self.database.fetch(ABANDON, self.account_id)

    async def lapse(self, *candidate_ids: UUID, policy: str = GENERAL) -> None:
        """Lets time pass over consents: they have just expired, and nothing has swept yet."""
        await self.run(
            "UPDATE consent SET expires_at = clock_timestamp() WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])"
            " AND policy_id = $3 AND withdrawn_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())",
            candidate_ids,
            self.policies[policy],
        )

    async def vacancy(self, title: str = "Engineer", **values: Any) -> UUID:
        id: UUID = uuid7()
        now = datetime.now(UTC)
        await self.insert("vacancy", id=id, title=title, **{"opened_at": now - timedelta(days=1), **values})
        return id

    async def candidate_list(self, name: str, candidate_ids: Sequence[UUID] = (), **values: Any) -> UUID:
        id: UUID = uuid7()
        await self.insert("candidate_list", id=id, name=name, **values)
        for candidate_id in candidate_ids:
            await self.insert("candidate_list_member", list_id=id, candidate_id=candidate_id)
        return id

    async def campaign(self, *segment_ids: UUID, excluded: bool = False) -> UUID:
        """A campaign that includes these segments, or excludes them."""
        id: UUID = uuid7()
        await self.insert("campaign", id=id, name="A campaign", channel="EMAIL")
        for segment_id in segment_ids:
            await self.insert("campaign_segment", campaign_id=id, segment_id=segment_id, excluded=excluded)
        return id


def _selection(candidate_ids: Sequence[UUID] | None) -> CandidateSelection:
    """These candidates, or everybody."""
    if candidate_ids is None:
        return CandidateSelection(all_search_results=AllSearchResults(CandidateFilter()))
    return CandidateSelection(ids=[str(id) for id in candidate_ids])


async def _copy(tx: Any, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        await tx.copy(table, tuple(rows[0]), [tuple(row.values()) for row in rows])
