"""Bytes as text: UTF-8, or an error that says what they are instead."""

import codecs

from forecast.core.data.fault import Fault
from forecast.core.errors import DataError

_SHOWN = 80
_SAMPLE = 1024
_LEAST_CONTROL = 0.05
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\v\x1a\x1b")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode_mended(content: bytes) -> tuple[str, Fault | None]:
    """Return the text, read as Windows-1252 where it is not UTF-8, and then what is wrong with it.

    Raises the errors of decode_text where it is neither.
    """
    try:
        return decode_text(content), None
    except DataError as error:
        if "line" not in error.details:
            raise
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise error from None
        if "\0" in text:
            raise _binary() from error
        line = error.details["line"]
        words = text.split("\n")[line - 1].split()
        odd = next((word for word in words if not word.isascii()), "")
        told = f"The file is not UTF-8. As Windows-1252, line {line} has the text '{odd[:_SHOWN]}'."
        return text, Fault("encoding", told)


def decode_text(content: bytes) -> str:
    """Return the text without its byte order mark; raise DataError where it is not UTF-8."""
    if content.startswith(_UTF16):
        raise DataError("The file is text in UTF-16; save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if _is_binary(content):
            raise _binary() from error
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"The file's encoding is not UTF-8: line {line} has the byte 0x{content[error.start]:02x}."
            " Save it as UTF-8.",
            details={"line": line},
        ) from error
    if "\0" in text:
        raise _binary()
    return text


def is_unicode(text: str) -> bool:
    """Return whether text can be written as UTF-8; half of a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _is_binary(content: bytes) -> bool:
    sample = content[:_SAMPLE]
    controls = sum(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in sample)
    return b"\0" in sample or controls > _LEAST_CONTROL * len(sample)


def _binary() -> DataError:
    return DataError("The file holds binary data, not text; send CSV, JSON, Parquet, Arrow or Excel (.xlsx).")
