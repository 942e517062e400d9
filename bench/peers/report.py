"""What was found, as a table and as a drawing."""

import statistics
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.peers.drawing import draw
from bench.peers.questions import Question
from bench.peers.servers import Peer


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load found of one server, one read and one number of connections."""

    cpu: float
    """Milliseconds of CPU that the server used per request."""
    postgres: float
    """The same of PostgreSQL."""
    per_second: float
    p50: float
    """Milliseconds."""
    p99: float

    @classmethod
    def median(cls, found: Sequence[Self]) -> Self:
        """The median of each figure by itself."""
        return cls(*(statistics.median(getattr(each, field.name) for each in found) for field in fields(cls)))

    def __str__(self) -> str:
        return (
            f"{self.cpu:8.3f} ms CPU {self.postgres:8.3f} ms PostgreSQL {self.per_second:8.1f}/s"
            f" {self.p50:8.2f} p50 {self.p99:8.2f} p99"
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """Figures and what they are of."""

    question: str
    peer: str
    connections: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    peers: Sequence[Peer]
    questions: Sequence[Question]
    cells: Sequence[Cell]
    resident: Mapping[str, int]
    facts: Sequence[str]
    how: Namespace

    def write(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "reads.md").write_text("\n".join(self._lines()) + "\n")
        shown = self._middle
        values = {
            question.title: {peer.title: self._of(question, peer, shown).cpu for peer in self.peers}
            for question in self.questions
        }
        title = f"CPU of the server per request in milliseconds; connections: {shown} (logarithmic)"
        (out / "reads.svg").write_text(draw(title, values))

    @property
    def _middle(self) -> int:
        """The number of connections that CPU and throughput are shown at: 8 when it was measured."""
        return 8 if 8 in self.how.connections else self._most

    @property
    def _most(self) -> int:
        connections: list[int] = self.how.connections
        return max(connections)

    def _of(self, question: Question, peer: Peer, connections: int) -> Figures:
        return next(
            each.figures
            for each in self.cells
            if (each.question, each.peer, each.connections) == (question.name, peer.name, connections)
        )

    def _lines(self) -> list[str]:
        middle, most = self._middle, self._most
        note = [self.how.note, ""] if self.how.note else []
        tables = [
            *self._table(f"CPU of the server, ms per request, {middle} connections", middle, _number("cpu")),
            *self._table(f"CPU of PostgreSQL, ms per request, {middle} connections", middle, _number("postgres")),
            *self._table(f"Requests per second, {middle} connections", middle, lambda f: f"{f.per_second:,.0f}"),
            *self._table(
                f"Half and 99 % of the answers within ms (p50 / p99), {most} connections",
                most,
                lambda f: f"{_digits(f.p50)} / {_digits(f.p99)}",
            ),
        ]
        return [
            "# Reads, beside the peers",
            "",
            *note,
            f"Measured on {datetime.now(UTC):%Y-%m-%d} by `python -m bench.reads`:",
            "",
            *(f"- {fact}" for fact in self.facts),
            "",
            "All gave the same data before anything was timed. The client asks again as soon as it is answered, and"
            " compares every answer to the first, byte by byte. docs/decisions/0019-beside-the-peers.md says how it is"
            " done.",
            "",
            *tables,
            *self._memory(),
            "## How each is configured",
            "",
            *(f"- **{peer.title}**: {peer.configured}" for peer in self.peers),
        ]

    def _table(self, title: str, connections: int, shown: Callable[[Figures], str]) -> list[str]:
        rows = [
            f"| {question.title} | "
            + " | ".join(shown(self._of(question, peer, connections)) for peer in self.peers)
            + " |"
            for question in self.questions
        ]
        return [f"## {title}", "", *self._heading("read"), *rows, ""]

    def _memory(self) -> list[str]:
        sizes = " | ".join(f"{self.resident[peer.name] / 2**20:.0f}" for peer in self.peers)
        return ["## Memory after the run", "", *self._heading(""), f"| MiB resident | {sizes} |", ""]

    def _heading(self, first: str) -> list[str]:
        return [
            f"| {first} | " + " | ".join(peer.title for peer in self.peers) + " |",
            "|---" * (len(self.peers) + 1) + "|",
        ]


def _number(name: str) -> Callable[[Figures], str]:
    return lambda figures: _digits(getattr(figures, name))


def _digits(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
