"""The forecasts of a run as one long table: CSV, Arrow or Parquet, a row for each step of each item."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from sqlalchemy import Row

from forecast.core.answer import write_dates
from forecast.core.media import ARROW, CSV, PARQUET
from forecast.database.connection import Database
from forecast.runs.finding import read_items
from forecast.runs.outcome import Item, Predicted
from forecast.runs.storing import name_forecast
from forecast.runs.telling import read_stamps, revive

_ITEMS_AT_ONCE = 500
_READ = 1 << 18
FORMATS: Mapping[str, str] = {"csv": CSV, "parquet": PARQUET, "arrow": ARROW}
"""What a run can be had as beside JSON, by the name in `?format=`."""


def export(
    database: Database, run: Row[Any], forecast_id: str, item_id: str | None, media: str
) -> Iterator[bytes]:
    """Yield the forecasts of a run, or of one forecast, in a media type; items that failed have no rows."""
    return _WRITERS[media](_tables(database, run, forecast_id, item_id), run.quantile_levels)


def _tables(database: Database, run: Row[Any], forecast_id: str, item_id: str | None) -> Iterator[pa.Table]:
    after = -1
    zone: str | None = None
    while True:
        # Not one connection for all: a caller may take its time between two parts.
        with database.read() as connection:
            items = read_items(connection, forecast_id, item_id, after, _ITEMS_AT_ONCE)
            rows = revive(connection, items, run.quantile_levels)
        if not items:
            return
        after = items[-1].position
        made = [(row, row.predicted) for row in rows if row.predicted is not None]
        if made:
            zone = zone or made[0][1].zone
            yield _table(run.forecast_run_id, made, run.quantile_levels, zone)


def _table(
    run_id: str, made: Sequence[tuple[Item, Predicted]], levels: Sequence[float], zone: str | None
) -> pa.Table:
    sizes = [len(one.points) for _, one in made]
    places = pa.array(np.repeat(np.arange(len(made)), sizes))
    quantiles = np.concatenate([one.quantiles for _, one in made])
    dates = np.concatenate([one.dates for _, one in made])
    columns: dict[str, Any] = {
        "forecast_id": pa.array([name_forecast(run_id, item.place) for item, _ in made]).take(places),
        "item_id": pa.array([item.item_id for item, _ in made], pa.string()).take(places),
        "date": pa.array(dates).cast(pa.timestamp("us", zone)),
        "horizon_day": np.concatenate([np.arange(1, size + 1) for size in sizes]),
        "value": np.concatenate([one.points for _, one in made]),
    }
    for place, level in enumerate(levels):
        columns[f"q{level}"] = np.ascontiguousarray(quantiles[:, place])
    return pa.table(columns)


def _empty(levels: Sequence[float]) -> pa.Table:
    numbers = {name: pa.float64() for name in ("value", *(f"q{level}" for level in levels))}
    kinds = {"forecast_id": pa.string(), "item_id": pa.string(), "date": pa.timestamp("us")}
    return pa.schema({**kinds, "horizon_day": pa.int64(), **numbers}).empty_table()


def _csv(tables: Iterator[pa.Table], levels: Sequence[float]) -> Iterator[bytes]:
    yield (",".join(_empty(levels).column_names) + "\n").encode()
    for table in tables:
        date = table.column("date")
        written = write_dates(read_stamps(date.cast(pa.int64()).to_numpy(), date.type.tz))
        told = table.set_column(2, "date", pa.array(written, pa.string()))
        sink = io.BytesIO()
        csv.write_csv(told, sink, csv.WriteOptions(include_header=False))
        yield sink.getvalue()


def _arrow(tables: Iterator[pa.Table], levels: Sequence[float]) -> Iterator[bytes]:
    first = next(tables, _empty(levels))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, first.schema) as stream:
        stream.write_table(first)
        for table in tables:
            yield _drain(sink)
            stream.write_table(table)
    yield _drain(sink)


def _drain(sink: io.BytesIO) -> bytes:
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content


def _parquet(tables: Iterator[pa.Table], levels: Sequence[float]) -> Iterator[bytes]:
    first = next(tables, _empty(levels))
    with tempfile.TemporaryFile() as file:
        with parquet.ParquetWriter(file, first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
        file.seek(0)
        while content := file.read(_READ):
            yield content


_WRITERS: Mapping[str, Callable[[Iterator[pa.Table], Sequence[float]], Iterator[bytes]]] = {
    CSV: _csv,
    ARROW: _arrow,
    PARQUET: _parquet,
}
