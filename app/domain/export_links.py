"""What stands in the address of an export: what it is of, for whom and until when, signed with the account's secret.

Whoever has the address may fetch it, as a browser cannot send a token with a link; so it is good for minutes only.
"""

import base64
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from uuid import UUID

VERSION = 1
SIGNATURE_BYTES = 32
SCOPE = b"link to an export/"
LENGTH = 3 + 16 + 16 + 8 + 8
"""Version, kind and format; account; what it is of; subject; expiry."""


class ExportKind(StrEnum):
    """What an export is of."""

    SEGMENT = "segment"
    CAMPAIGN = "campaign"


class ExportFormat(StrEnum):
    CSV = "CSV"
    NDJSON = "NDJSON"


KINDS, FORMATS = list(ExportKind), list(ExportFormat)
"""As they are numbered in links: the order must not change."""


class BadLinkError(Exception):
    """This is not a link that the server made."""


@dataclass(frozen=True, slots=True)
class ExportLink:
    account_id: UUID
    kind: ExportKind
    id: UUID
    format: ExportFormat
    subject: bytes
    """The alias of who asked for it, for the log."""
    expires_at: int
    """In seconds since 1970."""

    def signed(self, secret: bytes) -> str:
        written = self._written()
        return base64.urlsafe_b64encode(written + _signature(secret, written)).rstrip(b"=").decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """What a text says that it is a link to: whether that is true, `is_signed` tells. Raises BadLinkError."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise BadLinkError from None
        if len(raw) != LENGTH + SIGNATURE_BYTES or raw[0] != VERSION:
            raise BadLinkError
        if raw[1] >= len(KINDS) or raw[2] >= len(FORMATS):
            raise BadLinkError
        return cls(
            account_id=UUID(bytes=raw[3:19]),
            kind=KINDS[raw[1]],
            id=UUID(bytes=raw[19:35]),
            format=FORMATS[raw[2]],
            subject=raw[35:43],
            expires_at=int.from_bytes(raw[43:51], "big"),
        )

    def is_signed(self, text: str, secret: bytes) -> bool:
        """Whether the text that this was read from is what the secret makes of it, to the last character."""
        return hmac.compare_digest(text.encode(), self.signed(secret).encode())

    def _written(self) -> bytes:
        return b"".join(
            (
                bytes((VERSION, KINDS.index(self.kind), FORMATS.index(self.format))),
                self.account_id.bytes,
                self.id.bytes,
                self.subject,
                self.expires_at.to_bytes(8, "big"),
            )
        )


def _signature(secret: bytes, written: bytes) -> bytes:
    return hmac.digest(secret, SCOPE + written, "sha256")
