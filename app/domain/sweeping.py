"""What time asks for though nobody does: expired consents, the end of what was queued, old idempotency keys.

Any number of processes may do this at once: each step is done in the account's turn, and who comes second finds
nothing left.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.connections import OverloadedError
from app.database import BusyError, Database, Transaction, UnknownAccountError
from app.domain import lapses, requirements
from app.settings import Settings

log = logging.getLogger(__name__)

KEYS_TOGETHER = 10_000
"""Idempotency keys forgotten in one transaction."""

EXPIRED_ACCOUNTS = """
-- The accounts with consents that expired since memberships were last swept.
SELECT u.account_id FROM endpoint_usage u
WHERE EXISTS (
  SELECT FROM consent k
  WHERE k.account_id = u.account_id AND k.withdrawn_at IS NULL AND k.expires_at <= now()
    AND k.expires_at > coalesce(u.lapses_queued_until, u.lapses_swept_until))
ORDER BY u.account_id
"""

UNSETTLED_ACCOUNTS = """
-- The accounts that wait for memberships to be ended by operations of which none is left, unless one has just failed.
SELECT u.account_id FROM endpoint_usage u
WHERE (u.lapses_queued_until IS NOT NULL OR u.losing_since IS NOT NULL OR EXISTS (
    SELECT FROM policy_requirement r WHERE r.account_id = u.account_id AND r.enforcing_since IS NOT NULL))
  AND NOT EXISTS (
    SELECT FROM membership_operation o
    WHERE o.account_id = u.account_id AND o.kind = 'ELIGIBILITY_LOST'
      AND (o.status IN ('QUEUED', 'RUNNING') OR o.status = 'FAILED' AND o.finished_at > now() - interval '1 hour'))
ORDER BY u.account_id
"""

OLD_KEY_ACCOUNTS = """
-- The accounts with idempotency keys from before a moment.
SELECT u.account_id FROM endpoint_usage u
WHERE EXISTS (SELECT FROM idempotency_key i WHERE i.account_id = u.account_id AND i.created_at < $1)
ORDER BY u.account_id
"""

FORGET_KEYS = """
-- Forget the oldest idempotency keys from before a moment.
DELETE FROM idempotency_key WHERE account_id = $1 AND key = ANY(ARRAY(
  SELECT i.key FROM idempotency_key i WHERE i.account_id = $1 AND i.created_at < $2 ORDER BY i.created_at LIMIT $3))
RETURNING 1
"""

Work = Callable[[Transaction, Settings], Awaitable[int]]


async def sweep_due(database: Database) -> int:
    """Ends, in every account, the memberships whose consents have expired, or queues that when they are many; settles
    what queued operations have ended; forgets idempotency keys older than the settings keep them. Returns how many
    memberships it ended.

    An account that is busy is left for the next time.
    """
    ended = 0
    for row in await database.fetch(EXPIRED_ACCOUNTS):
        ended += await _in_turn(database, row["account_id"], lapses.sweep)
    for row in await database.fetch(UNSETTLED_ACCOUNTS):
        ended += await _in_turn(database, row["account_id"], lapses.settle)
        ended += await _in_turn(database, row["account_id"], lapses.settle_lost)
        ended += await _in_turn(database, row["account_id"], requirements.settle)
    await _forget_keys(database)
    return ended


async def _forget_keys(database: Database) -> None:
    before = datetime.now(UTC) - timedelta(days=database.settings.idempotency_days)

    async def forget(tx: Transaction, _: Settings) -> int:
        return len(await tx.fetch(FORGET_KEYS, tx.account_id, before, KEYS_TOGETHER))

    for row in await database.fetch(OLD_KEY_ACCOUNTS, before):
        while await _in_turn(database, row["account_id"], forget) == KEYS_TOGETHER:
            pass


async def _in_turn(database: Database, account_id: UUID, work: Work) -> int:
    """Does it in the account's turn; 0 when the account is too busy, or gone, or it fails: the others have their turn.

    Raises only what keeps the others from it too."""
    try:
        async with database.write(account_id) as tx:
            return await work(tx, database.settings)
    except (BusyError, UnknownAccountError):
        return 0
    except (OSError, OverloadedError):
        raise
    except Exception:
        log.exception("The account %s cannot be swept.", account_id)
        return 0
