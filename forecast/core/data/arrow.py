"""Reading Arrow: a stream of record batches, or the file that Feather writes."""

import pandas as pd
import pyarrow as pa

from forecast.core.data.decoding import Budget, plain
from forecast.core.data.dictionaries import Identity, identify
from forecast.core.data.frames import make_frame
from forecast.core.data.kinds import choose_columns
from forecast.core.data.messages import DAMAGED, FAULTS, unpacked_sizes
from forecast.core.data.parquet import LARGEST_EXPANSION
from forecast.core.data.selection import EVERYTHING, Selection
from forecast.core.data.table import Table, check_size, refuse_if_empty
from forecast.core.errors import DataError

FILE_MAGIC = b"ARROW1\0\0"
STREAM_MAGIC = b"\xff\xff\xff\xff"
"""What a stream begins with: the mark before its schema."""


def read_arrow(content: bytes, limit: int, selection: Selection = EVERYTHING) -> Table:
    """Return the columns that a selection uses.

    They are flat columns of numbers, text, dates and truth values: DataError at other types, where anything
    contradicts itself, and where they unpack to more than ten times `limit` bytes.
    """
    budget = Budget(LARGEST_EXPANSION * limit, whole="The Arrow stream")
    stream = _stream(content)
    try:
        for size in unpacked_sizes(stream):
            budget.spend(size)
        schema = pa.ipc.open_stream(stream).schema
        types, used = choose_columns(schema, selection, "Arrow")
        refuse_if_empty(len(types))
        # Without a column there would be no telling how many rows there are.
        places = [place for place, name in enumerate(types) if name in used] or [0]
        batches = _batches(stream, places, budget)
        columns = [plain(column, budget) for column in batches.columns[: len(used)]]
        frame = make_frame(used, columns, selection)
    except FAULTS as error:
        raise DataError(DAMAGED) from error
    unread = tuple(name for name in types if name not in used)
    if not used:
        frame = pd.DataFrame(index=pd.RangeIndex(batches.num_rows))
    return Table(frame, unread)


def read_notes(content: bytes) -> dict[bytes, bytes]:
    """Return the metadata of a stream's schema; raise DataError where it cannot be read."""
    try:
        return dict(pa.ipc.open_stream(_stream(content)).schema.metadata or {})
    except FAULTS as error:
        raise DataError(DAMAGED) from error


def _stream(content: bytes) -> pa.Buffer:
    # A file is a stream between its magic and its footer; the footer only says what is where.
    start = len(FILE_MAGIC) if content.startswith(FILE_MAGIC) else 0
    return pa.py_buffer(content).slice(start)


def _batches(stream: pa.Buffer, places: list[int], budget: Budget) -> pa.Table:
    """Return the columns at these places, held to what they say of themselves."""
    options = pa.ipc.IpcReadOptions(included_fields=places, use_threads=False)
    reader = pa.ipc.open_stream(stream, options=options)
    rows, found = 0, []
    known: set[Identity] = set()
    for batch in reader:
        rows += batch.num_rows
        check_size(rows, max(1, len(places)))
        batch.validate()
        for column in batch.columns:
            _check(column, known, budget)
        found.append(batch)
    refuse_if_empty(rows)
    return pa.Table.from_batches(found)


def _check(column: pa.Array, known: set[Identity], budget: Budget) -> None:
    """Charge and validate a batch's column, but no dictionary that is known: every batch has all of it."""
    if pa.types.is_dictionary(column.type):
        identity = identify(column.dictionary)
        if identity in known:
            budget.spend(column.indices.nbytes)
            pa.DictionaryArray.from_arrays(column.indices, column.dictionary, safe=True)
            return
        known.add(identity)
    # Any part of a stream may be told to be another column's, too.
    budget.spend(column.nbytes)
    column.validate(full=True)
