"""History as it is answered: JSON by columns, CSV, Parquet or a stream of Arrow."""

import io
from collections.abc import Callable, Mapping

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from forecast.core.answer import write_dates
from forecast.core.media import ARROW, CSV, JSON, PARQUET
from forecast.history.columns import STAMP

FORMATS = {"json": JSON, "csv": CSV, "parquet": PARQUET, "arrow": ARROW}
"""What an answer can be asked for as, and its media type."""


def write_frame(frame: pd.DataFrame, media: str) -> bytes:
    """Return a table of history as one of FORMATS, which can be sent into history again as it is."""
    return _WRITERS[media](frame)


def _write_json(frame: pd.DataFrame) -> bytes:
    columns = {
        str(name): _dates(frame[name]).tolist() if name == STAMP else _plain(frame[name]) for name in frame
    }
    body = {"rows": len(frame), "data": columns}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(column: pd.Series) -> object:
    if isinstance(column.dtype, pd.CategoricalDtype):
        labels = np.array([*column.cat.categories, None], dtype=object)
        return labels[column.cat.codes].tolist()
    return np.ascontiguousarray(column.to_numpy())


def _write_csv(frame: pd.DataFrame) -> bytes:
    return frame.assign(**{STAMP: _dates(frame[STAMP])}).to_csv(index=False).encode()


def _write_parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(_table(frame), sink)
    return sink.getvalue()


def _write_arrow(frame: pd.DataFrame) -> bytes:
    table = _table(frame)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _table(frame: pd.DataFrame) -> pa.Table:
    found = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    for place, kept in enumerate(found.schema):
        if pa.types.is_dictionary(kept.type):
            found = found.set_column(place, kept.name, found.column(place).cast(pa.string()))
    return found


def _dates(column: pd.Series) -> np.ndarray:
    """Return stamps as text, each of those that are different written once."""
    codes, distinct = pd.factorize(pd.DatetimeIndex(column))
    return np.array([*write_dates(pd.DatetimeIndex(distinct)), ""], dtype=object)[codes]


_WRITERS: Mapping[str, Callable[[pd.DataFrame], bytes]] = {
    JSON: _write_json,
    CSV: _write_csv,
    PARQUET: _write_parquet,
    ARROW: _write_arrow,
}
