"""Changes of many things at once, of which the good ones are kept and each of the others is refused by its index."""

from collections.abc import Callable, Container, Sequence, Sized
from dataclasses import dataclass
from uuid import UUID

from app.database import Transaction
from app.domain.errors import DomainError, InvalidInputError, NotFoundError, Path
from app.domain.selection import FOUND


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of the items: whom the good ones are about, each once, and how many memberships ended with them."""

    candidate_ids: tuple[UUID, ...] = ()
    ended: int = 0
    refused: tuple[DomainError, ...] = ()


def demand_few(items: Sized, path: Path, most: int) -> None:
    """Raises InvalidInputError when there are more items than one call may bring."""
    if len(items) > most:
        raise InvalidInputError(path, f"At most {most:,} items at once, not {len(items):,}.")


async def known_candidates(
    tx: Transaction, ids: Sequence[UUID | None], place: Callable[[int], Path]
) -> tuple[list[UUID], list[DomainError]]:
    """The candidates of the account among the ids, each once and in their order, and a NotFoundError for each id that
    is none. `place` says where in the input the id of an index is."""
    known = await found(tx, FOUND, ids)
    errors: list[DomainError] = [NotFoundError(place(index), "candidate") for index in missing(ids, known)]
    return list(dict.fromkeys(id for id in ids if id is not None and id in known)), errors


def missing(ids: Sequence[UUID | None], known: Container[UUID | None]) -> list[int]:
    """The indices of the ids that are not known."""
    return [index for index, id in enumerate(ids) if id not in known]


async def found(tx: Transaction, statement: str, ids: Sequence[UUID | None]) -> set[UUID]:
    """Those of the ids that the statement finds."""
    return {row["id"] for row in await tx.bulk(statement, tx.account_id, list({id for id in ids if id is not None}))}
