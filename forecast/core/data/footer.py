"""The footer of a Parquet file: where its columns lie, how large they are, and between what values.

pyarrow shows the same, but ends the process where a damaged footer contradicts itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from forecast.core.errors import DataError, TooLargeError

MAGIC = b"PAR1"
ENDING = 8
"""The bytes at the end of a file that tell how long its footer is."""
DAMAGED = "The Parquet file cannot be read; it is damaged, or holds values that do not fit a table."
FAULTS = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading damaged metadata raises."""
_LARGEST = 1 << 24
_LONGEST_VARINT = 10
# A thousand columns in a hundred row groups need nearly as many; each may take a hundred bytes of memory.
_MOST_VALUES = 3_000_000
# Physical types.
_INT32, _INT64, _BYTES = 1, 2, 6

Bound = int | str | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column in one row group; `low` and `high` are None where its values' bounds are not told.

    `path` are the names that lead to it, joined by dots; `root` is the first of them.
    """

    path: str
    root: str
    start: int
    size: int
    values: int
    low: Bound
    high: Bound


@dataclass(frozen=True, slots=True)
class Group:
    """One row group, and its columns in the file's order."""

    rows: int
    chunks: list[Chunk]


def footer_length(ending: bytes, size: int, limit: int) -> int:
    """Return the length in bytes of a footer, from the last eight bytes of a file and its size.

    Raises DataError where they are not those of Parquet, TooLargeError where it is above the limit.
    """
    length = int.from_bytes(ending[:4], "little") + ENDING
    if len(ending) < ENDING or not ending.endswith(MAGIC) or length > size:
        raise DataError(DAMAGED)
    most = min(limit, _LARGEST)
    if length > most:
        raise TooLargeError(f"The Parquet file's footer has {length} bytes; the limit is {most}.")
    return length


def read_footer(content: bytes) -> list[Group]:
    """Return the row groups that a footer describes; raise DataError where it cannot be understood."""
    try:
        file = Thrift(content).struct()
        # Without the orders of its columns a file does not say by what its bounds were found.
        bounded = bool(file.get(7))
        return [
            Group(group[3], [_chunk(chunk[3], bounded) for chunk in group[1]]) for group in file.get(4, ())
        ]
    except FAULTS as error:
        raise DataError(DAMAGED) from error


def _chunk(column: dict[int, Any], bounded: bool) -> Chunk:
    start, size, values = column[9], column[7], column[5]
    # Some writers leave 0 where there is no dictionary.
    start = min(start, column.get(11) or start)
    if min(start, size, values) < 0:
        raise ValueError("a negative place, size or count")
    bounds = column.get(12, {}) if bounded else {}
    low, high = (_bound(column[1], bounds.get(place)) for place in (6, 5))
    return Chunk(b".".join(column[3]).decode(), column[3][0].decode(), start, size, values, low, high)


def _bound(kind: int, value: bytes | None) -> Bound:
    if value is None:
        return None
    if kind in (_INT32, _INT64):
        return int.from_bytes(value, "little", signed=True)
    if kind != _BYTES:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:  # shortened within a character
        return None


class Thrift:
    """Reads Thrift's compact protocol: structs as dicts by field number, lists as lists, text as bytes.

    Where the content ends early or is none, any of FAULTS; `at` is the place that is read next.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0
        self._values = 0
        self._readers: dict[int, Callable[[], Any]] = {
            1: lambda: True,
            2: lambda: False,
            3: lambda: self._take(1),
            4: self._integer,
            5: self._integer,
            6: self._integer,
            7: lambda: self._take(8),
            8: lambda: self._take(self._varint()),
            9: self._list,
            10: self._list,
            11: self._map,
            12: self.struct,
        }

    def struct(self) -> dict[int, Any]:
        """Return the struct that is read next."""
        fields: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._integer()
            self._count(1)
            fields[field] = self._readers[head & 15]()
        return fields

    def _list(self) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        return self._many(head & 15, count)

    def _map(self) -> list[Any]:
        count = self._varint()
        kinds = self._byte() if count else 0
        self._count(2 * count)
        return [(self._one(kinds >> 4), self._one(kinds & 15)) for _ in range(count)]

    def _many(self, kind: int, count: int) -> list[Any]:
        self._count(count)
        return [self._one(kind) for _ in range(count)]

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise TooLargeError(f"The Parquet file's footer holds more than {_MOST_VALUES} values.")

    def _one(self, kind: int) -> Any:
        # Outside of a struct, true and false take a byte.
        return self._byte() == 1 if kind in (1, 2) else self._readers[kind]()

    def _byte(self) -> int:
        byte = self._content[self.at]
        self.at += 1
        return byte

    def _take(self, count: int) -> bytes:
        taken = self._content[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError("the footer ends early")
        self.at += count
        return taken

    def _varint(self) -> int:
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self._byte()
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value
        raise ValueError("a number is too long")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
