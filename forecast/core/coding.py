"""Content codings: unpacking what a caller sends, packing what it gets."""

import gzip

import pyarrow as pa

from forecast.core.errors import DataError, MediaTypeError, TooLargeError
from forecast.core.media import read_preferences

CODINGS = ("zstd", "gzip")
"""The codings that are read and written, the better one first."""
_NAMES = {"zstd": "zstd", "gzip": "gzip", "x-gzip": "gzip"}
_LEVEL = 1
_SMALLEST = 1024
_READ = 1 << 20


def read_coding(header: str) -> str | None:
    """Return the coding that a Content-Encoding names, None where there is none.

    Raises MediaTypeError, with the header that tells those that are read, at any other.
    """
    name = header.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _NAMES:
        raise MediaTypeError(
            f"A body is read as it is, or with 'Content-Encoding: {' or '.join(CODINGS)}'.",
            headers={"Accept-Encoding": ", ".join(CODINGS)},
        )
    return _NAMES[name]


def unpack(content: bytes, coding: str, limit: int) -> bytes:
    """Return what was packed; TooLargeError beyond `limit` bytes of it, DataError where it is damaged."""
    found, size = [], 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(content), coding) as stream:
            while read := stream.read(_READ):
                size += len(read)
                if size > limit:
                    raise TooLargeError(f"The body unpacks to more than the limit of {limit} bytes.")
                found.append(read)
    except OSError as error:
        raise DataError(f"The body is not {coding}, as its header says, or it is damaged.") from error
    return b"".join(found)


def choose_coding(header: str | None, offered: tuple[str, ...] = CODINGS) -> str | None:
    """Return which of the offered codings an Accept-Encoding prefers, None where that is none of them.

    Where a caller wants the answer as it is just as much, it is packed.
    """
    asked = read_preferences(header or "")
    other = asked.get("*", 0.0)
    ranked = [(asked.get(name, other), -place) for place, name in enumerate(offered)]
    quality, place = max(ranked, default=(0.0, 0))
    return offered[-place] if quality > 0 and quality >= asked.get("identity", other) else None


def pack(content: bytes, coding: str) -> bytes | None:
    """Return the content in a coding, None where it is too short to gain by that."""
    if len(content) < _SMALLEST:
        return None
    if coding == "gzip":
        return gzip.compress(content, _LEVEL, mtime=0)
    packed: bytes = pa.Codec(coding, compression_level=_LEVEL).compress(content, asbytes=True)
    return packed
