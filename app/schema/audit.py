"""The audit log."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import field

from app.domain import audit
from app.schema.connections import Connection


@strawberry.input(description="Conditions on entries of the audit log. Conditions given must all hold.")
class AuditFilter(audit.AuditFilter):
    action: str | None = field(default=None, description="Exactly this action, as in createSegment.")
    subject: str | None = field(default=None, description="By exactly this subject.")
    from_: datetime | None = field(default=None, name="from", description="At this moment or later.")
    to: datetime | None = field(default=None, description="Before this moment.")


@strawberry.type(description="Something that a change made or touched.")
class AuditTarget:
    name: str = field(description="What it was to the change, as in segment, operation or includedSegment.")
    id: strawberry.ID = field(description="Its id, for `node`. It may have been deleted since.")


@strawberry.type(description="A number that a change came with.")
class AuditCount:
    name: str = field(
        description=(
            "What it counts, by its name in the graph: candidateIds is how many candidates were given, endpointLimit a"
            " limit that was set, userErrors how many failed while others did not."
        )
    )
    count: int = field(description="The number itself.")


@strawberry.type(
    description=(
        "One change that somebody asked for. It names no candidates and keeps no texts, so it can stay when people are"
        " erased."
    )
)
class AuditEntry:
    id: strawberry.ID = field(description="Opaque, and unique in the log.")
    at: datetime = field(description="When it was done.")
    subject: str = field(description="Who did it: the `sub` of their token, or the command of an operator.")
    action: str = field(description="What was done: the mutation's name, or what the command did.")
    request_id: str | None = field(
        description="What the request is called in the server's log; null for a command of an operator."
    )

    @field(description="What was made or touched, candidates excepted; of each kind at most the first 100.")
    def targets(self: Any) -> list[AuditTarget]:
        return [AuditTarget(name=name, id=id) for name, ids in self["targets"].items() for id in ids]

    @field(description="The numbers of the change. Those of an operation are in the operation.")
    def counts(self: Any) -> list[AuditCount]:
        return [AuditCount(name=name, count=count) for name, count in self["counts"].items()]


@strawberry.type(description="A page of the audit log.")
class AuditEntryConnection(Connection[AuditEntry]):
    pass
