"""A forecast as one long frame: a row for each step of each series."""

import io
from itertools import chain

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from forecast.core.answer import Outcome
from forecast.core.series.ticks import read_ticks

METADATA_KEY = b"sapheneia"
"""The key of a schema's metadata under which the rest of a request or an answer stands, as JSON."""


def write_arrow(outcome: Outcome) -> bytes:
    """Return the frame of an outcome as a stream of Arrow."""
    frame = make_frame(outcome)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, frame.schema) as stream:
        stream.write_table(frame)
    return sink.getvalue()


def write_parquet(outcome: Outcome) -> bytes:
    """Return the frame of an outcome as a Parquet file."""
    frame = make_frame(outcome)
    sink = io.BytesIO()
    # Forecasts hardly repeat a number.
    repeated = [name for name in ("unique_id", "target_name") if name in frame.column_names]
    parquet.write_table(frame, sink, use_dictionary=repeated)
    return sink.getvalue()


def make_frame(outcome: Outcome) -> pa.Table:
    """Return the columns `unique_id`, `timestamp`, `mean`, and one such as `q0.1` for each quantile level.

    Of several targets `target_name` tells which. The schema's metadata has what else there is to say.
    """
    series, names = outcome.plan.panel.series, outcome.plan.panel.target_names
    horizon = len(series[0].future_index)
    columns = {
        "unique_id": _repeat([one.unique_id for one in series], horizon),
        "timestamp": _stamps([one.future_index for one in series]),
    }
    if len(names) > 1:
        columns["target_name"] = _repeat(list(names) * (len(series) // len(names)), horizon)
    columns["mean"] = pa.array(_join([one.mean for one in outcome.forecasts]))
    if outcome.columns is not None:
        quantiles = _join(outcome.columns)
        for place, level in enumerate(outcome.levels):
            columns[f"q{level}"] = pa.array(np.ascontiguousarray(quantiles[:, place]))
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: _tell(outcome)})


def _join(arrays: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(arrays)
    return joined.astype(np.float64, copy=False)


def _repeat(names: list[str], times: int) -> pa.Array:
    """Return each name so many times, as text."""
    places = np.repeat(np.arange(len(names), dtype=np.int32), times)
    return pa.array(names, pa.string()).take(pa.array(places))


def _stamps(indexes: list[pd.DatetimeIndex]) -> pa.Array:
    # Most series lie on the same steps, and then share one index.
    distinct = {id(index): index for index in indexes}
    read = {key: read_ticks(index) for key, index in distinct.items()}
    ticks = np.concatenate([read[id(index)] for index in indexes])
    zone = indexes[0].tz
    told = None if zone is None else pa.lib.tzinfo_to_string(zone)
    return pa.array(ticks).cast(pa.timestamp("ns", told))


def _tell(outcome: Outcome) -> bytes:
    uses = [outcome.use_of(place) for place in range(len(outcome.forecasts))]
    # Thousands of series mostly have the same few warnings.
    places = {text: place for place, text in enumerate(dict.fromkeys(chain(*(use.warnings for use in uses))))}
    return orjson.dumps(
        {
            "method": outcome.method,
            "quantile_levels": None if outcome.columns is None else outcome.levels,
            "metadata": outcome.metadata,
            "execution_metadata": outcome.execution,
            "warnings": outcome.warnings,
            "series_covariates_used": [use.used for use in uses],
            "notes": list(places),
            "series_notes": [[places[text] for text in use.warnings] for use in uses],
        }
    )
