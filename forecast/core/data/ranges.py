"""A file of which only some ranges of bytes are at hand."""

import io
from collections.abc import Sequence
from typing import Protocol

Span = tuple[int, int]
# Fetching a small gap costs less than asking twice.
_SMALLEST_GAP = 1 << 16


def join_spans(spans: Sequence[Span], size: int) -> list[Span]:
    """Return spans, as start and end, sorted, cut to a file's size and joined where their gap is small."""
    joined: list[Span] = []
    for start, end in sorted((max(0, start), min(end, size)) for start, end in spans):
        if joined and start - joined[-1][1] <= _SMALLEST_GAP:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined


class File(Protocol):
    """What can be read from any place."""

    def read(self, size: int = -1, /) -> bytes:
        """Return as many bytes, or all that are left."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place and return it."""


class Ranges(io.RawIOBase):
    """A file to read and seek in; OSError where what is read is not at hand."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._held: list[tuple[int, bytes]] = []
        self._at = 0

    def hold(self, start: int, content: bytes) -> None:
        """Have the content of the file from a place on."""
        self._held.append((start, content))

    def has(self, start: int, end: int) -> bool:
        """Return whether one piece that is at hand covers a span."""
        return any(at <= start and end <= at + len(content) for at, content in self._held)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place that is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, at the earliest the start, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return as many bytes as asked for, or all to the end of the file if it comes before."""
        end = self.size if size < 0 else min(self._at + size, self.size)
        pieces = []
        while self._at < end:
            pieces.append(self._find(self._at, end))
            self._at += len(pieces[-1])
        return b"".join(pieces)

    def _find(self, at: int, end: int) -> memoryview:
        for start, content in self._held:
            if start <= at < start + len(content):
                return memoryview(content)[at - start : end - start]
        raise OSError(f"byte {at} of the file is not at hand")
