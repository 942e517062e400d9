"""Large additions of search results: looked for and frozen before the account's turn comes, recorded when it has.

To look at a million candidates takes seconds, for which others would wait. So the statement that freezes them runs
ahead, in the same transaction but while others have the turn. What it finds is how things were at one moment within
the request, and it need not be how they are when the turn comes: whatever changes in between changes as if it came
just after the freezing, when chunks see to it as well. Only the contract cannot wait. So in its turn the addition is
recorded if what it needs is free, as it was when it was frozen; else everything is done again, in the turn.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.database import Transaction
from app.domain import lapses, operations, quota, segments
from app.domain.eligibility import rules
from app.domain.errors import DomainError, RefusedError
from app.domain.idempotency import is_known
from app.domain.membership import CANDIDATES, Addition, AddStep, QuotaPolicy, add_candidates, demand_expected, record
from app.domain.names import idempotency_key, one_id
from app.domain.operations import FORGET_PENDING, Asked
from app.domain.selection import CandidateSelection, more_than, resolve
from app.models import MembershipOperationKind
from app.settings import Settings

FORGET_SKIPPED = """
-- Forget whom operations left out.
DELETE FROM skipped_candidate WHERE account_id = $1 AND operation_id = ANY($2::uuid[])
"""

GONE = """
-- Whether anybody who was left out has been erased since.
SELECT EXISTS (
  SELECT FROM skipped_candidate k CROSS JOIN unnest(k.candidate_ids) AS left_out(id)
  WHERE k.account_id = $1 AND k.operation_id = $2
    AND NOT EXISTS (SELECT FROM candidate c WHERE c.account_id = $1 AND c.id = left_out.id))
"""


@dataclass(frozen=True, slots=True)
class Early:
    """What was frozen ahead."""

    operation_id: UUID
    found_at: datetime
    addition: Addition


@dataclass(slots=True)
class Adding:
    """One request to add what a search finds. `look_ahead` comes before the account's turn; then `add`, and `forget`
    at the end."""

    segment: str
    selection: CandidateSelection
    on_quota_exceeded: QuotaPolicy
    requested_by: str
    settings: Settings
    _early: Early | None = field(default=None, init=False)

    async def look_ahead(self, tx: Transaction, key: str | None = None) -> None:
        """Freezes what is to be queued. Does nothing for what was done before under the idempotency key, nor for what
        will be refused, which the turn tells."""
        with suppress(DomainError, RefusedError):
            if await is_known(tx, idempotency_key(key)):
                return
            async with tx.part():
                self._early = await self._freeze(tx)
        # The demands were read a moment before: unless they are those of the freezing, it is worth nothing.
        if self._early is not None and self._early.addition.facts != tx.usage.facts:
            await self.forget(tx)

    async def add(self, tx: Transaction, segment_id: UUID) -> UUID:
        """What `add_candidates` does, by what was frozen ahead if it stands. In the account's turn.

        Takes nothing back: when it fails, its part of the transaction may be undone, and that with it.
        """
        if self._early is not None:
            await lapses.sweep(tx, self.settings)
            segment = await segments.open_for_change(tx, segment_id)
            early = self._early
            if await self._stands(tx, early):
                asked = Asked(MembershipOperationKind.ADD, self.requested_by)
                await record(tx, early.operation_id, segment, asked, early.addition, early.found_at)
                self._early = None
                return early.operation_id
        return await add_candidates(
            tx, segment_id, self.selection, self.on_quota_exceeded, self.requested_by, self.settings
        )

    async def forget(self, tx: Transaction) -> None:
        """Takes back what was frozen ahead and not used."""
        if self._early is not None:
            wrote, ids = tx.wrote, [self._early.operation_id]
            await tx.fetch(FORGET_PENDING, tx.account_id, ids)
            await tx.fetch(FORGET_SKIPPED, tx.account_id, ids)
            tx.wrote, self._early = wrote, None

    async def _freeze(self, tx: Transaction) -> Early | None:
        demands = await rules(tx, tx.account_id)
        selected = await resolve(tx, tx.account_id, self.selection, CANDIDATES, demands, self.settings)
        if not await more_than(self.settings.inline_add_limit, tx, selected, demands, self.settings):
            return None
        segment = await segments.open_for_change(tx, one_id(self.segment, segments.SEGMENT_ID, "segment"))
        # What lapsed and was not swept yet would be counted as if it had not.
        if await lapses.due(tx):
            return None
        operation_id = operations.new_id()
        step = AddStep(operation_id, segment, demands, self.settings, None, self.settings.max_skipped)
        addition = await step.run(tx, selected, most_at_once=0)
        demand_expected(selected, addition.found.matched)
        return Early(operation_id, tx.now, addition)

    async def _stands(self, tx: Transaction, early: Early) -> bool:
        """Whether it may be recorded as it was frozen."""
        addition, use = early.addition, await quota.use(tx)
        if addition.new_endpoints > await quota.limit(tx) - max(addition.taken, use.used + use.reserved):
            return False
        # An erasure that was first could not forget those who are written down here.
        return addition.facts == tx.usage.facts or not await tx.fetchval(GONE, tx.account_id, early.operation_id)
