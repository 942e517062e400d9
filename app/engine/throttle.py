"""How much somebody may ask in a while: a bucket of points that fills up steadily and that each operation takes from.

Of a bucket only one number is kept: when it will be full again. That is the generic cell rate algorithm.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil, floor
from time import monotonic
from typing import Any, Protocol

from app.engine.errors import ClientError
from app.settings import Settings

FEWEST_SWEPT = 1_000
"""Buckets in memory before any is looked at, to forget those that are full."""


@dataclass(slots=True)
class Bucket:
    """How a bucket is after it was asked for points."""

    capacity: int
    points_per_second: int
    full_in: float
    """Seconds until it is full."""

    @property
    def available(self) -> float:
        return max(0.0, self.capacity - self.full_in * self.points_per_second)

    def seconds_until(self, points: int) -> int:
        """Whole seconds until it holds so many points, and at least one: for Retry-After."""
        return max(1, ceil(self.full_in - (self.capacity - points) / self.points_per_second))

    def formatted(self) -> dict[str, Any]:
        return {
            "maximumAvailable": self.capacity,
            "currentlyAvailable": floor(self.available),
            "restoreRate": self.points_per_second,
        }


Taken = tuple[bool, Bucket]
"""Whether the points were taken, and how the bucket is then."""


class Throttle(Protocol):
    """The buckets of everybody, in one process or shared by several."""

    def take(self, key: str, points: int, capacity: int) -> Taken | Awaitable[Taken]:
        """Takes the points from the bucket of this key if it holds as many, and tells how it is then.

        A bucket that was never asked is full. `points` are at most `capacity`.
        """
        ...


class ProcessThrottle:
    """Buckets of this process. A full one needs no memory: only who asked of late is kept."""

    def __init__(self, points_per_second: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate = points_per_second
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._sweep_at = FEWEST_SWEPT

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, points: int, capacity: int) -> Taken:
        now = self._clock()
        before = max(0.0, self._full_at.get(key, now) - now)
        after = before + points / self._rate
        if after * self._rate > capacity:
            return False, Bucket(capacity, self._rate, before)
        self._full_at[key] = now + after
        if len(self._full_at) > self._sweep_at:
            self._forget_full_ones(now)
        return True, Bucket(capacity, self._rate, after)

    def _forget_full_ones(self, now: float) -> None:
        """Each time there are twice as many as were left, so that a bucket is looked at twice on average."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        self._sweep_at = max(FEWEST_SWEPT, 2 * len(self._full_at))


class RateLimit:
    """Lets operations through as long as whoever asks for them has points left."""

    def __init__(self, settings: Settings, throttle: Throttle | None = None) -> None:
        """Without a throttle the process counts for itself."""
        self._burst = settings.rate_limit_burst
        self._throttle = throttle
        if throttle is None and settings.rate_limit_points_per_second:
            self._throttle = ProcessThrottle(settings.rate_limit_points_per_second)

    async def demand(self, key: str, points: int, dearest: int) -> Bucket | None:
        """Takes the points. None when there is no rate limit. Raises ClientError RATE_LIMITED, with when to try again.

        `dearest` is what one operation of theirs may cost: a bucket is never smaller, or it would never be let through.
        """
        if self._throttle is None:
            return None
        found = self._throttle.take(key, points, max(self._burst, dearest))
        taken, bucket = found if isinstance(found, tuple) else await found
        if taken:
            return bucket
        seconds = bucket.seconds_until(points)
        raise ClientError(
            f"You have asked too much of late. Try again in {seconds} s.",
            "RATE_LIMITED",
            429,
            {"Retry-After": str(seconds)},
            cost={"requested": points, "throttleStatus": bucket.formatted()},
        )
