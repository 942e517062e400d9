"""Which letters the bytes of a file stand for."""

import codecs
from pathlib import Path

from app.importing.errors import EmptyFileError, UnreadableTextError, WorkbookError

ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x1f\x8b", b"%PDF")
"""How workbooks, old workbooks, gzip files and PDF begin."""

BLOCK = 1 << 20

UNDEFINED_AS_CONTROLS = "segments-undefined-as-controls"
"""How Windows-1252 is decoded: its five undefined bytes become control characters, which spoil one row, not all."""


def _undefined_as_controls(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(UNDEFINED_AS_CONTROLS, _undefined_as_controls)


def encoding_of(path: Path) -> tuple[str, str]:
    """The encoding of a text file and what to do with bytes that do not fit in it.

    A byte-order mark decides; without one it is UTF-8 when that is possible, or nearly; otherwise Windows-1252. Bytes
    that do not fit become characters that no value may hold, so that they are reported with their row. Raises
    EmptyFileError and WorkbookError.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise EmptyFileError
    if head.startswith(ARCHIVES):
        raise WorkbookError
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", "surrogateescape"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        _demand_even(path)
        return "utf-16", "surrogatepass"
    if head[1:2] == b"\0":
        _demand_even(path)
        return "utf-16-le", "surrogatepass"
    if _is_utf8(path):
        return "utf-8", "surrogateescape"
    return "cp1252", UNDEFINED_AS_CONTROLS


def _demand_even(path: Path) -> None:
    if path.stat().st_size % 2:
        raise UnreadableTextError(encoding="UTF-16", reason="it has an odd number of bytes, so it was cut off")


def _is_utf8(path: Path) -> bool:
    """Whether the bytes are UTF-8, or are with fewer broken bytes than letters beyond ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    beyond_ascii = broken = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if block.isascii() and not decoder.getstate()[0]:
                continue
            text = decoder.decode(block)
            unfit = sum(map(text.count, _BROKEN)) if not _encodable(text) else 0
            broken += unfit
            beyond_ascii += len(text) - len(text.encode("ascii", "ignore")) - unfit
    broken += len(decoder.decode(b"", final=True))
    return broken == 0 or broken < beyond_ascii


_BROKEN = [chr(0xDC00 + byte) for byte in range(0x80, 0x100)]


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
