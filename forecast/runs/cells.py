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


def write_frame(frame: pd.DataFrame, notes: Mapping[str, Any]) -> bytes:
    """Return a frame as a stream of Arrow with notes in its metadata, to be asked of a service."""
    return _write(frame, {}, notes, None)


def pack_frame(frame: pd.DataFrame, notes: Mapping[str, Any]) -> bytes:
    """Return a frame with the labels of its rows and notes, in few bytes, to be kept until it is unpacked."""
    labels = pa.array(frame.index.to_numpy(dtype=np.int64))
    return _write(frame, {_LABELS: labels}, notes, "zstd")


def unpack_frame(content: bytes) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the frame, with its labels, and the notes that pack_frame wrote."""
    table = pa.ipc.open_stream(content).read_all()
    labels = pd.Index(table.column(_LABELS).to_numpy())
    frame = table.drop_columns(_LABELS).to_pandas().set_axis(labels)
    return frame, orjson.loads(table.schema.metadata[METADATA_KEY])


def _write(
    frame: pd.DataFrame, more: Mapping[str, pa.Array], notes: Mapping[str, Any], compression: str | None
) -> bytes:
    columns = {str(name): _column(frame[name]) for name in frame.columns} | dict(more)
    table = pa.table(columns).replace_schema_metadata({METADATA_KEY: orjson.dumps(notes)})
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _column(values: pd.Series) -> pa.Array | pa.ChunkedArray:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()  # a part would carry those of all the others
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
