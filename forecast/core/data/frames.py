"""From columns of Arrow to a frame of pandas."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forecast.core.data.kinds import TEXT, is_any
from forecast.core.data.selection import Selection


def make_frame(names: Sequence[str], columns: list[pa.ChunkedArray], selection: Selection) -> pd.DataFrame:
    """Return columns as a frame, ids that are text as categories; `columns` is emptied on the way.

    Raises what pyarrow raises where values do not fit pandas.
    """
    roles = selection.roles or {}
    table = pa.table(
        [
            _coded(column) if roles.get(name) == "id" else column
            for name, column in zip(names, columns, strict=True)
        ],
        names=list(names),
    )
    columns.clear()
    # Each column is let go of when it is made, so that no two copies of the table stand beside each other.
    frame: pd.DataFrame = table.to_pandas(
        ignore_metadata=True,
        date_as_object=False,
        coerce_temporal_nanoseconds=True,
        split_blocks=True,
        self_destruct=True,
    )
    return frame


def _coded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ids that are text as a dictionary, which is found again as categories: few, and many rows."""
    if not is_any(column.type, TEXT):
        return column
    coded = column.dictionary_encode().unify_dictionaries()
    # pandas takes text to end at a NUL, and categories to differ; as text such ids are told.
    odd = any(pc.any(pc.match_substring(chunk.dictionary, "\0")).as_py() for chunk in coded.chunks)
    return column if odd else coded
