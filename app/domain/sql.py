"""The values of a statement that is put together from pieces."""

from typing import Any
from uuid import UUID


class Parameters:
    """Collects values and hands out their places. $1 is always the account, so that no piece can forget it."""

    def __init__(self, account_id: UUID) -> None:
        self.values: list[Any] = [account_id]

    def __call__(self, value: Any) -> str:
        """The place of a value, as in $4."""
        self.values.append(value)
        return f"${len(self.values)}"
