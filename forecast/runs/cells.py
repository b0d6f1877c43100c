"""Tables of runs as Arrow, between the gateway, its workers and the services of models."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from forecast.core.frame import METADATA_KEY

_LABELS = "\0row"


def write_frame(frame: pd.DataFrame, notes: Mapping[str, Any], *, labels: bool) -> bytes:
    """Return a frame as a stream of Arrow with notes in its metadata; `labels` keeps those of the rows."""
    columns = {str(name): _column(frame[name]) for name in frame.columns}
    if labels:
        columns[_LABELS] = pa.array(frame.index.to_numpy(dtype=np.int64))
    table = pa.table(columns).replace_schema_metadata({METADATA_KEY: orjson.dumps(notes)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def read_frame(content: bytes) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the frame, with its labels, and the notes that write_frame wrote."""
    table = pa.ipc.open_stream(content).read_all()
    frame = table.to_pandas().set_index(_LABELS)
    frame.index = pd.Index(frame.index.to_numpy(), name=None)
    return frame, orjson.loads(table.schema.metadata[METADATA_KEY])


def _column(values: pd.Series) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # numbers among text, as JSON and spreadsheets have them
        return pa.array([_text(value) for value in values], pa.string())


def _text(value: object) -> str | None:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
