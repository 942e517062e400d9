"""What is counted as it happens, in numbers of our own that become Prometheus's when somebody reads.

Those of prometheus_client lock and check at each step, so that a request pays for a reader who comes now and then.
Nothing locks here: whoever counts or reads does so on the thread of the event loop.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.engine.observing import Observed

ANONYMOUS = "anonymous"
OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of the histogram's buckets."""
BOUNDS = (*map(str, SECONDS), "+Inf")
LABELS = ("operation", "kind", "transport", "outcome")
"""What operations are told apart by. Each metric has the first of them, as many as it needs."""

Family = type[CounterMetricFamily] | type[GaugeMetricFamily]


class Names:
    """Names that clients choose: the first so many are told apart until the process ends, all further are other."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def bounded(self, name: str) -> str:
        if name in self._seen:
            return name
        if len(self._seen) < self._most:
            self._seen.add(name)
            return name
        return OTHER


class Tally(Collector):
    """One metric: a number for all values that its labels have had."""

    def __init__(self, family: Family, name: str, text: str, *labels: str) -> None:
        self._family = family
        self._name = name
        self._text = text
        self._labels = labels
        self._numbers: defaultdict[tuple[str, ...], float] = defaultdict(int)

    def add(self, *labels: str, by: float = 1) -> None:
        self._numbers[labels] += by

    def collect(self) -> Iterable[Metric]:
        family = self._family(f"segments_{self._name}", self._text, labels=self._labels)
        for labels, number in self._numbers.items():
            family.add_metric(labels, number)
        yield family


class _Sums:
    """What operations that are alike in all their labels, or in some, have come to."""

    __slots__ = ("buckets", "cost", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.cost = 0.0
        self.seconds = 0.0
        self.buckets = [0] * len(BOUNDS)
        """How many took so long, and not how many took at most so long."""

    def add(self, other: "_Sums") -> None:
        self.count += other.count
        self.cost += other.cost
        self.seconds += other.seconds
        self.buckets = [ours + theirs for ours, theirs in zip(self.buckets, other.buckets, strict=True)]


class Operations(Collector):
    """Operations that have ended: how many, how long they took, and what they cost."""

    def __init__(self, most_names: int) -> None:
        self._names = Names(most_names)
        self._sums: dict[tuple[str | None, str, str, str], _Sums] = {}
        """By the names that operations have, as far as these are told apart, so that one look finds the place."""

    def add(self, operation: Observed) -> None:
        place = (operation.name, operation.kind, operation.transport, operation.outcome)
        found = self._sums.get(place)
        if found is None:
            found = self._place(*place)
        found.count += 1
        found.cost += operation.cost
        if operation.kind != "subscription":
            seconds = operation.seconds
            found.seconds += seconds
            found.buckets[bisect_left(SECONDS, seconds)] += 1

    def label(self, name: str | None) -> str:
        """What an operation of this name is counted as."""
        return ANONYMOUS if name is None else self._names.bounded(name)

    def _place(self, name: str | None, kind: str, transport: str, outcome: str) -> _Sums:
        kept = name if name is None else self._names.bounded(name)
        return self._sums.setdefault((kept, kind, transport, outcome), _Sums())

    def collect(self) -> Iterable[Metric]:
        count = CounterMetricFamily("segments_operations", "Operations that have ended.", labels=LABELS)
        for labels, sums in self._summed(4):
            count.add_metric(labels, sums.count)
        yield count
        text = "Seconds that queries and mutations took."
        seconds = HistogramMetricFamily("segments_operation_seconds", text, labels=LABELS[:2])
        for labels, sums in self._summed(2):
            buckets = list(zip(BOUNDS, accumulate(sums.buckets), strict=True))
            seconds.add_metric(labels, buckets, sums.seconds)
        yield seconds
        text = "Cost of operations, as it was reckoned before they ran."
        cost = CounterMetricFamily("segments_operation_cost", text, labels=LABELS[:1])
        for labels, sums in self._summed(1):
            cost.add_metric(labels, sums.cost)
        yield cost

    def _summed(self, most: int) -> Iterator[tuple[tuple[str, ...], _Sums]]:
        """The sums by the first labels. A client may name an operation as those without a name are called."""
        summed: defaultdict[tuple[str, ...], _Sums] = defaultdict(_Sums)
        for (name, *others), sums in self._sums.items():
            summed[(self.label(name), *others)[:most]].add(sums)
        yield from summed.items()
