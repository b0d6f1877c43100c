"""What is told of runs and of the forecasts of their items, as JSON has it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection, Row

from forecast.core.adapter import Floats
from forecast.core.answer import write_dates
from forecast.runs.finding import read_results
from forecast.runs.outcome import Item, Predicted
from forecast.runs.storing import NAMED_LEVELS, name_forecast


def tell_run(run: Row[Any]) -> dict[str, Any]:
    """Return what was asked, by whom, when, of which model, and how far it is."""
    return {
        "forecast_run_id": run.forecast_run_id,
        "job_id": run.job_id,
        "kind": run.kind,
        "user": run.user_id,
        "model": run.model_name,
        "model_version": run.model_version,
        "dataset": run.dataset,
        "start_date": run.cutoff,
        "prediction_length": run.prediction_length,
        "quantile_levels": run.quantile_levels,
        "request": run.request,
        "status": run.status,
        "error": run.error,
        "items_total": run.items_total,
        "items_done": run.items_done,
        "items_failed": run.items_failed,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "seconds": run.seconds,
    }


def tell_items(run_id: str, rows: Iterable[Item]) -> list[dict[str, Any]]:
    """Return items that were just computed."""
    return [_tell_item(run_id, row) for row in rows]


def tell_kept(
    connection: Connection, run_id: str, items: Sequence[Row[Any]], levels: Sequence[float]
) -> list[dict[str, Any]]:
    """Return items that were kept, with the same numbers that were answered once."""
    return tell_items(run_id, revive(connection, items, levels))


def revive(connection: Connection, items: Sequence[Row[Any]], levels: Sequence[float]) -> list[Item]:
    """Return kept items as they were computed."""
    steps = read_results(connection, [item.forecast_id for item in items if item.error is None])
    ids = steps.column("forecast_id").combine_chunks().dictionary_encode()
    places = ids.indices.to_numpy()
    bounds = [*np.flatnonzero(np.diff(places, prepend=-1)).tolist(), len(places)]
    names = ids.dictionary.to_pylist()
    rows = {names[places[first]]: slice(first, last) for first, last in pairwise(bounds)}
    dates = steps.column("date").to_numpy()
    points = steps.column("point_forecast").to_numpy()
    quantiles = _read_quantiles(steps, levels)
    return [
        _revive(item, dates[own], points[own], quantiles[own], tuple(levels))
        for item in items
        for own in (rows[item.forecast_id] if item.error is None else slice(0, 0),)
    ]


def _read_quantiles(steps: pa.Table, levels: Sequence[float]) -> Floats:
    """Return the quantiles of steps, shape (n, levels)."""
    columns = {name: steps.column(name).to_numpy() for name in NAMED_LEVELS.values()}
    others = [str(level) for level in levels if level not in NAMED_LEVELS]
    if others:
        told = [orjson.loads(text) for text in steps.column("quantiles").to_pylist()]
        columns |= {name: np.array([one[name] for one in told], dtype=np.float64) for name in others}
    asked = [columns[NAMED_LEVELS.get(level, str(level))] for level in levels]
    return np.stack(asked, axis=1) if asked else np.empty((steps.num_rows, 0))


def _revive(
    item: Row[Any], dates: NDArray[np.int64], points: Floats, quantiles: Floats, levels: tuple[float, ...]
) -> Item:
    if item.error is not None:
        return Item(item.position, item.item_id, error=item.error)
    predicted = Predicted(
        dates=dates,
        points=points,
        quantiles=quantiles,
        levels=levels,
        cutoff=item.cutoff,
        context_length=item.context_length,
        frequency=item.frequency,
        zone=item.zone,
        data_hash=item.data_hash,
        method=item.method,
        covariates_used=item.covariates_used,
        warnings=tuple(item.warnings),
    )
    return Item(item.position, item.item_id, predicted)


def read_stamps(micros: NDArray[np.int64], zone: str | None) -> pd.DatetimeIndex:
    """Return kept stamps, by the clock of their zone where they have one."""
    stamps = pd.DatetimeIndex(micros.astype("datetime64[us]"))
    return stamps if zone is None else stamps.tz_localize("UTC").tz_convert(pa.lib.string_to_tzinfo(zone))


def _tell_item(run_id: str, item: Item) -> dict[str, Any]:
    made = item.predicted
    return {
        "forecast_id": name_forecast(run_id, item.place),
        "item_id": item.item_id,
        "status": "failed" if made is None else "succeeded",
        "predictions": [] if made is None else _tell_steps(made),
        "metadata": None if made is None else _tell_metadata(made),
        "error": item.error,
    }


def _tell_steps(made: Predicted) -> list[dict[str, Any]]:
    names = [str(level) for level in made.levels]
    dates = _write_dates(made.dates.tobytes(), made.zone)
    return [
        {"date": date, "value": value, "quantiles": dict(zip(names, row, strict=True))}
        for date, value, row in zip(dates, made.points.tolist(), made.quantiles.tolist(), strict=True)
    ]


@lru_cache(maxsize=256)
def _write_dates(micros: bytes, zone: str | None) -> list[str]:
    # Most items of a run have the same dates, which take a while to write.
    return write_dates(read_stamps(np.frombuffer(micros, dtype=np.int64), zone))


def _tell_metadata(made: Predicted) -> dict[str, Any]:
    return {
        "cutoff": _write_dates(np.array([made.cutoff]).tobytes(), made.zone)[0],
        "context_length": made.context_length,
        "frequency": made.frequency,
        "method": made.method,
        "covariates_used": made.covariates_used,
        "data_hash": made.data_hash,
        "warnings": list(made.warnings),
    }
