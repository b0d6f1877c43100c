"""Decoding columns of a Parquet file, within a bound of memory that no file can talk its way out of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import parquet

from forecast.core.data.dictionaries import expanded_sizes
from forecast.core.data.footer import DAMAGED, Group
from forecast.core.data.kinds import TEXT, is_any, value_type
from forecast.core.data.pages import BY_DICTIONARY, DELTA_BYTES, PLAIN, Pages, read_pages
from forecast.core.data.ranges import File
from forecast.core.errors import DataError

_MOST_PAGES = 200_000
_MOST_BATCHES = 100_000
_LARGEST_BATCH = 1 << 16


@dataclass(slots=True)
class Budget:
    """The bytes that a file may unpack to; `whole` is what an error calls it."""

    most: int
    spent: int = 0
    whole: str = "The Parquet file"

    def spend(self, count: int) -> None:
        """Count bytes; raise DataError where there are too many."""
        self.spent += count
        if self.spent > self.most:
            raise DataError(
                f"{self.whole} unpacks to more than {self.most} bytes, too many to read; send fewer"
                " rows, or leave out columns of long text."
            )


@dataclass(frozen=True, slots=True)
class Column:
    """One column as its pages tell it; `text` is whether its values are text."""

    leaf: int
    path: str
    text: bool
    pages: tuple[Pages, ...]

    @property
    def encodings(self) -> frozenset[int]:
        """All ways in which its values are written."""
        return frozenset().union(*(pages.encodings for pages in self.pages))

    @property
    def is_dictionary(self) -> bool:
        """Whether it can be read as the few values that it repeats."""
        return (
            self.text and self.encodings <= BY_DICTIONARY | {PLAIN} and bool(self.encodings & BY_DICTIONARY)
        )

    @property
    def multiplies(self) -> bool:
        """Whether a few bytes of it can stand for much text in any other reading."""
        return self.text and bool(self.encodings & (BY_DICTIONARY | {DELTA_BYTES})) and not self.is_dictionary


def survey(
    file: File, groups: Sequence[Group], leaves: Sequence[int], kinds: Sequence[pa.DataType], budget: Budget
) -> list[Column]:
    """Return the columns of row groups, of the types `kinds`; raise DataError where they are too large."""
    columns, most = [], _MOST_PAGES
    for leaf, kind in zip(leaves, kinds, strict=True):
        found = []
        for group in groups:
            if group.chunks[leaf].values != group.rows:
                raise DataError(DAMAGED)
            pages = read_pages(file, group.chunks[leaf], most)
            budget.spend(pages.size)
            most -= pages.count
            found.append(pages)
        columns.append(Column(leaf, groups[0].chunks[leaf].path, _is_text(kind), tuple(found)))
    file.seek(0)
    return columns


def decode(
    file: File,
    metadata: parquet.FileMetaData,
    groups: Sequence[int],
    columns: Sequence[Column],
    budget: Budget,
) -> list[pa.ChunkedArray]:
    """Return the values of columns in the row groups at these places, numbers and text as they are."""
    short = [column.path for column in columns if column.is_dictionary]
    source = parquet.ParquetFile(file, metadata=metadata, read_dictionary=short)
    usual = [column for column in columns if not column.multiplies]
    table = source.reader.read_row_groups(groups, column_indices=[column.leaf for column in usual])
    decoded = dict(zip((column.leaf for column in usual), table.columns, strict=True))
    for column in columns:
        if column.multiplies:
            decoded[column.leaf] = pa.chunked_array(_in_batches(source, groups, column, budget))
    return [plain(decoded[column.leaf], budget) for column in columns]


def _in_batches(
    source: parquet.ParquetFile, groups: Sequence[int], column: Column, budget: Budget
) -> Iterable[pa.Array]:
    # No value is longer than the page that it is written in, and a batch is held several times over.
    longest = max(pages.largest for pages in column.pages)
    rows = min(_LARGEST_BATCH, max(1, budget.most // max(1, 4 * longest)))
    total = sum(source.metadata.row_group(group).num_rows for group in groups)
    if total > rows * _MOST_BATCHES:
        raise DataError(
            f"Column '{column.path}' has pages of {longest} bytes, too large to read; write it anew."
        )
    for batch in source.reader.iter_batches(rows, groups, column_indices=[column.leaf], use_threads=False):
        budget.spend(batch.nbytes)
        yield batch.column(0)


def plain(column: pa.ChunkedArray, budget: Budget) -> pa.ChunkedArray:
    """Return a column without its dictionary, decimals and halves as float64; DataError beyond the budget."""
    kind = value_type(column.type)
    if kind != column.type:
        if _is_text(kind):
            for size in expanded_sizes(column.chunks):
                budget.spend(size)
        column = column.cast(kind)
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        column = column.cast(pa.float64())
    return column


def _is_text(kind: pa.DataType) -> bool:
    return is_any(kind, TEXT)
