"""The messages of an Arrow stream: how large what is packed in them truly is.

pyarrow does not tell which buffers are compressed, and makes room for whatever size they claim.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forecast.core.errors import DataError

DAMAGED = "The Arrow stream cannot be read; it is damaged, or holds values that do not fit a table."
FAULTS = (pa.ArrowException, OSError, LookupError, ValueError, TypeError, OverflowError)
"""What reading a damaged stream raises."""
_MOST = 100_000
_BUFFER_BYTES = 16
# The places of fields in Arrow's tables.
_HEADER, _DICTIONARY_DATA = 2, 1
_BUFFERS, _COMPRESSION = 2, 3
_OLD_COMPRESSION = b"ARROW:experimental_compression"


def unpacked_sizes(content: pa.Buffer) -> Iterator[int]:
    """Yield, for each message, the bytes that its compressed buffers unpack to.

    Raises one of FAULTS where the stream is damaged, DataError where it has too many messages.
    """
    for count, message in enumerate(_messages(content)):
        if count == _MOST:
            raise DataError(f"The Arrow stream has more than {_MOST} batches; write it with larger ones.")
        if message.type in ("record batch", "dictionary"):
            yield _claimed(message)


def _messages(content: pa.Buffer) -> Iterable[pa.Message]:
    reader = pa.ipc.MessageReader.open_stream(pa.BufferReader(content))
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _claimed(message: pa.Message) -> int:
    metadata = message.metadata.to_pybytes()
    batch = _Table.root(metadata).table(_HEADER)
    if message.type == "dictionary":
        batch = batch.table(_DICTIONARY_DATA)
    # Arrow 0.17 told it among the message's own metadata, and that is still read: wherever it may stand.
    if not batch.has(_COMPRESSION) and _OLD_COMPRESSION not in metadata:
        return 0
    body = np.frombuffer(message.body, np.uint8)
    places = batch.structs(_BUFFERS).reshape(-1, 2)
    # Each begins with the length it unpacks to, -1 meaning that it is not packed.
    starts = places[places[:, 1] > 0, 0]
    if len(starts) and not 0 <= starts.min() <= starts.max() <= len(body) - 8:
        raise ValueError("a buffer outside of its message")
    lengths = body[starts[:, None] + np.arange(8)].copy().view("<i8")
    return int(np.maximum(lengths, 0).astype(object).sum())


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a flatbuffer."""

    content: bytes
    at: int

    @classmethod
    def root(cls, content: bytes) -> "_Table":
        return cls(content, cls(content, 0)._number(0, 4))

    def has(self, field: int) -> bool:
        return self._offset(field) != 0

    def table(self, field: int) -> "_Table":
        place = self.at + self._field(field)
        return _Table(self.content, place + self._number(place, 4))

    def structs(self, field: int) -> NDArray[np.int64]:
        """Return a vector of structs of two numbers, as these numbers one after another."""
        place = self.at + self._field(field)
        place += self._number(place, 4)
        size = self._number(place, 4) * _BUFFER_BYTES
        found = np.frombuffer(self._take(place + 4, size), "<i8")
        return found.astype(np.int64)

    def _field(self, field: int) -> int:
        offset = self._offset(field)
        if not offset:
            raise ValueError("a field is missing")
        return offset

    def _offset(self, field: int) -> int:
        vtable = self.at - int.from_bytes(self._take(self.at, 4), "little", signed=True)
        place = 4 + 2 * field
        return self._number(vtable + place, 2) if place < self._number(vtable, 2) else 0

    def _number(self, place: int, size: int) -> int:
        return int.from_bytes(self._take(place, size), "little")

    def _take(self, place: int, size: int) -> bytes:
        if not 0 <= place <= len(self.content) - size:
            raise ValueError("a place outside of the message")
        return self.content[place : place + size]
