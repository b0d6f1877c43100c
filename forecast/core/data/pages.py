"""The pages of one column of a Parquet file: how large they truly are, and how their values are written."""

from dataclasses import dataclass
from typing import Any

from forecast.core.data.footer import DAMAGED, FAULTS, Chunk, Thrift
from forecast.core.data.ranges import File
from forecast.core.errors import DataError

PLAIN, _PLAIN_DICTIONARY, DELTA_BYTES, _RLE_DICTIONARY = 0, 2, 7, 8
BY_DICTIONARY = frozenset({_PLAIN_DICTIONARY, _RLE_DICTIONARY})
_WINDOW = 1 << 10
_LONGEST_HEADER = 1 << 20
# The header of the values, by the kind of the page, and the places of their count and encoding in it.
_VALUES = {0: (5, 1, 2), 3: (8, 1, 4)}


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of a column in a row group; sizes are in bytes, unpacked but not yet decoded."""

    count: int
    size: int
    largest: int
    encodings: frozenset[int]


def read_pages(file: File, chunk: Chunk, most: int) -> Pages:
    """Return what the headers of a column's pages say, which is what a reader of them goes by.

    A footer may say anything. Raises DataError where the headers do not hold as many values as the footer
    tells, or are more than `most`.
    """
    try:
        return _walk(file, chunk, most)
    except FAULTS as error:
        raise DataError(DAMAGED) from error


def _walk(file: File, chunk: Chunk, most: int) -> Pages:
    at, end = chunk.start, chunk.start + chunk.size
    values, encodings = 0, set()
    sizes: list[int] = []
    while values < chunk.values:
        if len(sizes) == most:
            raise DataError("The Parquet file has too many pages to read; write it with larger ones.")
        header, length = _header(file, at, end)
        if min(header[2], header[3]) < 0:
            raise ValueError("a negative size")
        sizes.append(header[2])
        at += length + header[3]
        if header[1] in _VALUES:
            place, count, encoding = _VALUES[header[1]]
            if header[place][count] <= 0:
                raise ValueError("a page without values")
            values += header[place][count]
            encodings.add(header[place][encoding])
    if values != chunk.values or at > end:
        raise ValueError("the pages do not hold what the footer tells")
    return Pages(len(sizes), sum(sizes), max(sizes, default=0), frozenset(encodings))


def _header(file: File, at: int, end: int) -> tuple[dict[int, Any], int]:
    """Return the page header at a place, and its length."""
    window = _WINDOW
    while True:
        file.seek(at)
        reader = Thrift(file.read(min(window, end - at)))
        try:
            return reader.struct(), reader.at
        except (IndexError, ValueError):  # longer than the window, as the bounds of long text make it
            if window >= min(_LONGEST_HEADER, end - at):
                raise
            window *= 4
