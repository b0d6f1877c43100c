"""Reading Parquet: the columns and the row groups that a request uses."""

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from forecast.core.data.decoding import Budget, decode, survey
from forecast.core.data.footer import DAMAGED, ENDING, Chunk, Group, footer_length, read_footer
from forecast.core.data.frames import make_frame
from forecast.core.data.kinds import TEXT, choose_columns, is_any
from forecast.core.data.ranges import File, Span
from forecast.core.data.selection import EVERYTHING, Selection, SoughtIntegers, SoughtText
from forecast.core.data.table import Table, check_size, refuse_if_empty
from forecast.core.errors import DataError, TooLargeError

LARGEST_EXPANSION = 10
"""How many times the bytes that may be read a table may unpack to."""
# What a reader adds to a column whose header an old writer did not count.
_SPARE = 100
_FAULTS = (pa.ArrowException, OSError, LookupError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Part:
    """What is read of a Parquet file.

    `names` are the columns, `kinds` the types of their values, `leaves` their places among the columns of a
    row group, `groups` the places of the row groups; `unread` are the names of the other columns.
    """

    names: list[str]
    kinds: list[pa.DataType]
    leaves: list[int]
    groups: list[int]
    unread: tuple[str, ...]


def read_parquet(file: File, limit: int, selection: Selection = EVERYTHING) -> Table:
    """Return the columns that a selection uses, in the row groups that may hold its series.

    They are flat columns of numbers, text, dates and truth values: DataError at other types, and where
    they unpack to more than ten times `limit` bytes, whatever the file says. TooLargeError where they take
    more than `limit` bytes of the file.
    """
    try:
        groups = _footer(file, limit)
        source = parquet.ParquetFile(file)
        part = _choose(source.schema_arrow, groups, limit, selection)
        budget = Budget(LARGEST_EXPANSION * limit)
        chosen = [groups[place] for place in part.groups]
        columns = survey(file, chosen, part.leaves, part.kinds, budget)
        arrays = decode(file, source.metadata, part.groups, columns, budget)
        frame = make_frame(part.names, arrays, selection)
    except _FAULTS as error:
        raise DataError(DAMAGED) from error
    labels = _labels(groups, part)
    refuse_if_empty(len(labels))
    if part.names:
        if len(frame) != len(labels):
            raise DataError(DAMAGED)
        frame.index = labels
    return Table(frame, part.unread, whole=len(part.groups) == len(groups))


def find_spans(file: File, limit: int, selection: Selection) -> list[Span]:
    """Return the spans of a file that read_parquet needs beside its footer.

    Of `file` only the footer is read; raises the errors of read_parquet.
    """
    try:
        groups = _footer(file, limit)
        part = _choose(parquet.ParquetFile(file).schema_arrow, groups, limit, selection)
        return [(chunk.start, chunk.start + chunk.size + _SPARE) for chunk in _chunks(groups, part)]
    except _FAULTS as error:
        raise DataError(DAMAGED) from error


def read_notes(content: bytes, limit: int) -> dict[bytes, bytes]:
    """Return the keys and values that a file's footer has beside its schema; the errors of read_parquet."""
    try:
        _footer(io.BytesIO(content), limit)
        return dict(parquet.ParquetFile(io.BytesIO(content)).metadata.metadata or {})
    except _FAULTS as error:
        raise DataError(DAMAGED) from error


def _footer(file: File, limit: int) -> list[Group]:
    """Return the row groups of a file, which is then at its start."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - ENDING))
    length = footer_length(file.read(ENDING), size, limit)
    file.seek(max(0, size - length))
    footer = file.read(length - ENDING)
    file.seek(0)
    return read_footer(footer)


def _choose(schema: pa.Schema, groups: list[Group], limit: int, selection: Selection) -> Part:
    types, used = choose_columns(schema, selection, "Parquet")
    names = list(types)
    refuse_if_empty(len(groups))
    leaves = dict(zip(names, _leaves(schema.names, groups[0].chunks), strict=True))
    chosen = list(range(len(groups)))
    column = selection.id_column
    if column in leaves:
        # A table without rows could not tell that the series are not there.
        chosen = _with_series(groups, leaves[column], types[column], selection) or [0]
    unread = tuple(name for name in names if name not in used)
    part = Part(used, [types[name] for name in used], [leaves[name] for name in used], chosen, unread)
    _check_size(groups, part, limit)
    return part


def _leaves(names: list[str], chunks: list[Chunk]) -> list[int]:
    """Return the place of each column's first leaf; one that is nested has several."""
    leaves, place = [], 0
    for name in names:
        leaves.append(place)
        place += 1
        while place < len(chunks) and chunks[place].root == name:
            place += 1
    return leaves


def _with_series(groups: list[Group], leaf: int, kind: pa.DataType, selection: Selection) -> list[int]:
    """Return the row groups that may hold a series asked for, as far as the bounds of the ids tell."""
    ids = selection.series_ids or ()
    text = SoughtText(ids) if is_any(kind, TEXT) else None
    integers = SoughtIntegers(ids) if pa.types.is_signed_integer(kind) else None
    found = []
    for place, group in enumerate(groups):
        match group.chunks[leaf].low, group.chunks[leaf].high:
            case str(low), str(high) if text:
                held = text.may_lie(low, high)
            case int(first), int(last) if integers:
                held = integers.may_lie(first, last)
            case _:
                held = True
        if held:
            found.append(place)
    return found


def _chunks(groups: list[Group], part: Part) -> list[Chunk]:
    return [groups[place].chunks[leaf] for place in part.groups for leaf in part.leaves]


def _check_size(groups: list[Group], part: Part, limit: int) -> None:
    check_size(sum(groups[place].rows for place in part.groups), len(part.names))
    taken = sum(chunk.size for chunk in _chunks(groups, part))
    if taken > limit:
        raise TooLargeError(
            f"What the request uses takes {taken} bytes of the Parquet file; the limit is {limit} bytes."
        )


def _labels(groups: list[Group], part: Part) -> pd.Index:
    starts = np.cumsum([0, *(group.rows for group in groups)])
    if len(part.groups) == len(groups):
        return pd.RangeIndex(starts[-1])
    return pd.Index(np.concatenate([np.arange(starts[place], starts[place + 1]) for place in part.groups]))
