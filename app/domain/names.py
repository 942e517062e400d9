"""What texts and ids from outside must look like, in one place."""

import unicodedata
from collections.abc import Sequence
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as PostgresUUID  # noqa: N811

from app.domain.errors import BadUserInputError, InvalidInputError, NotFoundError, Path, RefusedError

LONGEST_NAME = 200
LONGEST_KEY = 200


def name(text: str, path: Path) -> str:
    """A name as it is kept: trimmed, in Unicode NFC, 1 to 200 characters, none of them a control character."""
    kept = unicodedata.normalize("NFC", text).strip()
    if not kept:
        raise InvalidInputError(path, "A name needs at least one character.")
    if len(kept) > LONGEST_NAME:
        raise InvalidInputError(path, f"A name has at most {LONGEST_NAME} characters, this one {len(kept)}.")
    if any(unusable(character) for character in kept):
        raise InvalidInputError(path, "A name holds no control characters.")
    if not any(visible(character) for character in kept):
        raise InvalidInputError(path, "A name needs at least one visible character.")
    return kept


def name_key(kept: str) -> str:
    """What two names share when they differ in case only."""
    return unicodedata.normalize("NFC", kept.casefold())


def idempotency_key(key: str | None) -> str | None:
    """A client's key: 1 to 200 characters, none of them a control character."""
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or any(unusable(character) for character in key):
        raise InvalidInputError(
            ("input", "idempotencyKey"),
            f"An idempotency key has 1 to {LONGEST_KEY} characters, none a control character.",
        )
    return key


def searched_text(text: str, longest: int) -> str:
    """A text to search for, as it was given. Raises BadUserInputError for one that nothing kept could contain."""
    if len(text) > longest:
        raise BadUserInputError(f"A text in a filter has at most {longest} characters.")
    if not text.isprintable() and any(map(unusable, text)):
        raise BadUserInputError("A text in a filter holds no control characters.")
    return text


def unusable(character: str) -> bool:
    """Control characters, line separators, lone surrogates and noncharacters: nothing that belongs in a name."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (ord(character) & 0xFFFE) == 0xFFFE


def visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cf", "Zs", "Mn", "Me", "Cn")


def uuid(text: str) -> UUID | None:
    """The id that the text is, in its usual form of 36 characters; None for anything else."""
    if len(text) != 36:
        return None
    try:
        found = PostgresUUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def one_id(text: str, path: Path, noun: str) -> UUID:
    """An id that must be one. Raises NotFoundError: a malformed id is exactly as missing as an unknown one."""
    found = uuid(text)
    if found is None:
        raise NotFoundError(path, noun)
    return found


def many_ids(texts: Sequence[str], path: Path, most: int) -> list[UUID | None]:
    """The id that each text is, or None. Raises InvalidInputError when there are too many."""
    if len(texts) > most:
        raise InvalidInputError(path, f"At most {most} ids at once, not {len(texts)}.")
    return [uuid(text) for text in texts]


def not_found(indices: Sequence[int], path: Path, noun: str) -> RefusedError:
    """One failure for each index of a list of ids."""
    return RefusedError([NotFoundError((*path, str(index)), noun) for index in sorted(indices)])
