"""What the audit log says of a mutation: read from its input and its result, whichever mutation it is.

Only ids and whole numbers are read, by the names that they have in the graph; never texts, which may be about people.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from graphql import GraphQLID, GraphQLInputObjectType, GraphQLInt, get_named_type, get_nullable_type, is_list_type
from graphql.execution.values import get_argument_values
from strawberry.types import Info
from strawberry.utils.str_converters import to_camel_case

from app.context import Context
from app.database import Transaction
from app.domain import audit
from app.domain.audit import Entry
from app.domain.names import uuid
from app.engine.observing import current_request_id
from app.redaction import redacted

ERRORS = "user_errors"


async def write_down(tx: Transaction, info: Info[Context, None], result: Any) -> None:
    """Writes the entry of a mutation, unless it changed nothing: it failed, or was done before under its key."""
    if not tx.wrote or _failed(result):
        return
    targets: dict[str, list[UUID]] = {}
    counts: dict[str, int] = {}
    for name, value in [*_of_input(info), *_of_result(result)]:
        if isinstance(value, int):
            counts[name] = value
        elif (kind := _kind(name)).lower().endswith("candidate"):
            counts.setdefault(name, len(value))
        else:
            known = {each for ids in targets.values() for each in ids}
            targets[kind] = targets.get(kind, []) + [each for each in dict.fromkeys(value) if each not in known]
    request_id = current_request_id()
    entry = Entry(
        info.context.principal.subject,
        info.field_name,
        redacted(request_id) if request_id else None,
        {kind: ids for kind, ids in targets.items() if ids},
        counts,
    )
    await audit.record(tx, entry, info.context.settings.max_audit_targets)


def _failed(result: Any) -> bool:
    """Whether failures are all that came of it. A mutation that keeps what was good has more in its result."""
    return bool(getattr(result, ERRORS)) and not any(_given(value) for name, value in _values(result) if name != ERRORS)


def _given(value: Any) -> bool:
    return any(map(_given, value)) if isinstance(value, list | tuple) else bool(value)


def _of_input(info: Info[Context, None]) -> Iterator[tuple[str, "list[UUID] | int"]]:
    """The ids and whole numbers of the input, and how long its lists are."""
    raw = info._raw_info
    field = raw.parent_type.fields[raw.field_name]
    kind = get_nullable_type(field.args["input"].type)
    assert isinstance(kind, GraphQLInputObjectType)
    given = get_argument_values(field, raw.field_nodes[0], raw.variable_values)["input"]
    for name, each in kind.fields.items():
        value = given.get(each.out_name or name) if isinstance(given, Mapping) else None
        if value is None:
            continue
        named = get_named_type(each.type)
        is_list = is_list_type(get_nullable_type(each.type))
        if named is GraphQLID:
            yield name, _ids(value if is_list else [value])
        elif is_list:
            yield name, len(value)
        elif named is GraphQLInt:
            yield name, value


def _of_result(result: Any) -> Iterator[tuple[str, "list[UUID] | int"]]:
    """The ids that the result has, its whole numbers, and how many failures it has beside what was kept."""
    for name, value in _values(result):
        if name == ERRORS:
            if value:
                yield to_camel_case(name), len(value)
        elif isinstance(value, UUID):
            yield to_camel_case(name), [value]
        elif isinstance(value, int) and not isinstance(value, bool):
            yield to_camel_case(name), value
        elif isinstance(value, list | tuple) and value and all(isinstance(each, UUID) for each in value):
            yield to_camel_case(name), list(value)


def _values(result: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(result, field.name)) for field in fields(result)]


def _ids(texts: Sequence[str]) -> list[UUID]:
    return [id for text in texts if (id := uuid(text)) is not None]


def _kind(name: str) -> str:
    """What the ids of a field are to the mutation: `segment` of segmentId, `includedSegment` of includedSegmentIds."""
    return name.removesuffix("s").removesuffix("Id") or name
