"""Keeping runs: what was asked, and the forecasts of its items in bulk."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from sqlalchemy import Connection, func, insert, select, update

from forecast.core.errors import NotFoundError
from forecast.database.bulk import insert_rows
from forecast.runs.outcome import Item, Predicted
from forecast.runs.tables import forecast_items, forecast_results, forecast_runs
from forecast.runs.work import Ask, PartResult

NAMED_LEVELS = {0.1: "p10", 0.5: "p50", 0.9: "p90"}
"""The quantile levels that have a column of their own."""
_TABLE = "data"


def open_run(  # noqa: PLR0913, PLR0917 - what a run is
    connection: Connection,
    ask: Ask,
    items: int,
    job_id: str | None,
    prediction_length: int,
    levels: Sequence[float],
    created_at: datetime | None = None,
) -> str:
    """Write down a run that begins, by default now, and return its ID; its table is not kept."""
    run_id = _new_id()
    connection.execute(
        insert(forecast_runs).values(
            forecast_run_id=run_id,
            client_id=ask.client_id,
            user_id=ask.user_id,
            job_id=job_id,
            kind=ask.kind,
            model_name=ask.model_id,
            dataset=ask.body.get("dataset", "default") if ask.kind == "forecast" else None,
            cutoff=_cutoff(ask),
            prediction_length=prediction_length,
            quantile_levels=list(levels),
            request=_request(ask),
            status="pending",
            items_total=items,
            items_done=0,
            items_failed=0,
            created_at=created_at or datetime.now(UTC),
        )
    )
    return run_id


def begin_run(connection: Connection, run_id: str, now: datetime) -> None:
    """Write down that a run that waits is being computed; nothing happens to any other."""
    waiting = forecast_runs.c.forecast_run_id == run_id, forecast_runs.c.status == "pending"
    connection.execute(update(forecast_runs).where(*waiting).values(status="running", started_at=now))


def keep(run_id: str, result: PartResult) -> Callable[[Connection], None]:
    """Return what writes down the items of a part and their forecasts; a run that was deleted is an error.

    It raises NotFoundError then, and IntegrityError where one of the items is there already.
    """
    # Made beforehand: whoever else writes to SQLite waits for the end of a transaction.
    items = _items(run_id, result.rows)
    made = [(item, item.predicted) for item in result.rows if item.predicted is not None]
    results = _results(run_id, made) if made else None

    def write(connection: Connection) -> None:
        insert_rows(connection, forecast_items, items)
        if results is not None:
            insert_rows(connection, forecast_results, results)
        _count(connection, run_id, result)

    return write


def _count(connection: Connection, run_id: str, result: PartResult) -> None:
    # Last, as it holds up whoever stores another part of the run.
    began = datetime.now(UTC) - timedelta(seconds=result.seconds)
    counted = connection.execute(
        update(forecast_runs)
        .where(forecast_runs.c.forecast_run_id == run_id)
        .values(
            status="running",
            started_at=func.coalesce(forecast_runs.c.started_at, began),
            model_version=func.coalesce(forecast_runs.c.model_version, result.version),
            items_done=forecast_runs.c.items_done + result.items,
            items_failed=forecast_runs.c.items_failed + result.failed,
        )
    )
    if counted.rowcount == 0:
        raise NotFoundError(f"There is no run '{run_id}' any more.")


def close_run(connection: Connection, run_id: str, status: str, error: Mapping[str, Any] | None) -> None:
    """Write down how a run ended, and how long it took."""
    runs = forecast_runs
    now = datetime.now(UTC)
    found = connection.execute(select(runs.c.started_at).where(runs.c.forecast_run_id == run_id)).first()
    began = None if found is None else found.started_at
    connection.execute(
        update(runs)
        .where(runs.c.forecast_run_id == run_id)
        .values(
            status=status,
            error=None if error is None else dict(error),
            finished_at=now,
            seconds=None if began is None else (now - began).total_seconds(),
        )
    )


def name_forecast(run_id: str, place: int) -> str:
    """Return the ID of an item's forecast, of which every attempt at it makes the same."""
    return f"{run_id}-{place:06d}"


def _new_id() -> str:
    # Later runs have greater IDs, so that those of one moment have an order too.
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def _cutoff(ask: Ask) -> str | None:
    if ask.kind == "forecast":
        return ask.body.get("start_date")
    cutoff: str | None = ask.body["parameters"].get("context_end_date")
    return cutoff


def _items(run_id: str, rows: Sequence[Item]) -> pa.Table:
    told = [one.predicted for one in rows]
    return pa.table(
        {
            "forecast_id": [name_forecast(run_id, one.place) for one in rows],
            "forecast_run_id": [run_id] * len(rows),
            "position": pa.array([one.place for one in rows], pa.int64()),
            "item_id": pa.array([one.item_id for one in rows], pa.string()),
            "status": ["succeeded" if one.error is None else "failed" for one in rows],
            "error": pa.array([one.error and _text(one.error) for one in rows], pa.string()),
            "cutoff": pa.array([one and one.cutoff for one in told], pa.int64()),
            "zone": pa.array([one and one.zone for one in told], pa.string()),
            "context_length": pa.array([one and one.context_length for one in told], pa.int64()),
            "frequency": pa.array([one and one.frequency for one in told], pa.string()),
            "data_hash": pa.array([one and one.data_hash for one in told], pa.string()),
            "method": pa.array([one and one.method for one in told], pa.string()),
            "covariates_used": pa.array([one and one.covariates_used for one in told], pa.bool_()),
            "warnings": [_text(one.warnings if one else ()) for one in told],
        }
    )


def _results(run_id: str, made: Sequence[tuple[Item, Predicted]]) -> pa.Table:
    """Return a row for each step of each item; all of them have the same levels."""
    sizes = [len(one.points) for _, one in made]
    levels = made[0][1].levels
    quantiles = np.concatenate([one.quantiles for _, one in made])
    by_name = {NAMED_LEVELS.get(level): quantiles[:, place] for place, level in enumerate(levels)}
    absent = pa.nulls(len(quantiles), pa.float64())
    named = {
        name: pa.array(np.ascontiguousarray(by_name[name])) if name in by_name else absent
        for name in NAMED_LEVELS.values()
    }
    others = [(place, level) for place, level in enumerate(levels) if level not in NAMED_LEVELS]
    return pa.table(
        {
            "forecast_run_id": _repeat([run_id], [len(quantiles)]),
            "forecast_id": _repeat([name_forecast(run_id, item.place) for item, _ in made], sizes),
            "item_id": _repeat([item.item_id for item, _ in made], sizes),
            "date": pa.array(np.concatenate([one.dates for _, one in made])),
            "horizon_day": pa.array(np.concatenate([np.arange(1, size + 1) for size in sizes])),
            "point_forecast": pa.array(np.concatenate([one.points for _, one in made])),
            **named,
            "quantiles": _other_quantiles(quantiles, others),
        }
    )


def _other_quantiles(quantiles: np.ndarray, others: Sequence[tuple[int, float]]) -> pa.Array:
    if not others:
        return pa.nulls(len(quantiles), pa.string())
    # Of many rows, making a dictionary of each takes longer than inserting them.
    row = "{" + ",".join(f'"{level}":%s' for _, level in others) + "}"
    columns = [_write_numbers(quantiles[:, place]) for place, _ in others]
    return pa.array([row % numbers for numbers in zip(*columns, strict=True)], pa.string())


def _write_numbers(numbers: np.ndarray) -> list[str]:
    """Return finite numbers as JSON has them."""
    text = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return text[1:-1].split(",")


def _repeat(names: Sequence[str], times: Sequence[int]) -> pa.Array:
    places = np.repeat(np.arange(len(names)), times)
    return pa.DictionaryArray.from_arrays(places, pa.array(names, pa.string()))


def _request(ask: Ask) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(
        _text({name: value for name, value in ask.body.items() if name != _TABLE})
    )
    return told


def _text(value: object) -> str:
    """Return JSON that PostgreSQL keeps too: it has no character NUL."""
    return orjson.dumps(value).decode().replace("\\u0000", "\\ufffd")
