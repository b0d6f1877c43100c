"""Finding runs and their items again: a client's own, whatever is asked for."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, or_, select

from forecast.core.errors import NotFoundError, RequestError, StateError
from forecast.core.schemas import printable
from forecast.database.bulk import read_rows
from forecast.runs.tables import forecast_items, forecast_results, forecast_runs

_ENDED = ("succeeded", "failed", "cancelled")
_MARK = "-"
_IDS = re.compile(r"[0-9a-f]{32}(-[0-9]{6,9})?", re.ASCII)
_RESULT_KINDS = {
    "forecast_id": pa.string(),
    "date": pa.int64(),
    **dict.fromkeys(("point_forecast", "p10", "p50", "p90"), pa.float64()),
    "quantiles": pa.string(),
}
_RESULTS = (
    "SELECT forecast_id, date, point_forecast, p10, p50, p90, quantiles FROM forecast_results"
    " WHERE forecast_id IN {keys} ORDER BY forecast_id, horizon_day"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are asked for; None leaves a choice open."""

    model: str | None = None
    dataset: str | None = None
    item_id: str | None = None
    status: str | None = None
    kind: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def list_runs(
    connection: Connection, client_id: str, wanted: Wanted, limit: int, cursor: str | None
) -> tuple[list[Row[Any]], str | None]:
    """Return a client's runs, the newest first, and the cursor of those after; RequestError at a bad one."""
    runs = forecast_runs.c
    asked = select(forecast_runs).where(runs.client_id == client_id, *_conditions(wanted))
    if cursor is not None:
        at, run_id = _read_cursor(cursor)
        asked = asked.where(
            or_(runs.created_at < at, and_(runs.created_at == at, runs.forecast_run_id < run_id))
        )
    asked = asked.order_by(runs.created_at.desc(), runs.forecast_run_id.desc()).limit(limit + 1)
    found = list(connection.execute(asked).all())
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], _write_cursor(last.created_at, last.forecast_run_id)


def find_run(connection: Connection, client_id: str, forecast_id: str) -> Row[Any]:
    """Return the run that has an ID, or has the forecast of one; raise NotFoundError where there is none."""
    run_id = forecast_id.partition(_MARK)[0]
    runs = forecast_runs.c
    if not _IDS.fullmatch(forecast_id):
        raise NotFoundError(f"There is no forecast '{printable(forecast_id)}'.")
    found = connection.execute(
        select(forecast_runs).where(runs.forecast_run_id == run_id, runs.client_id == client_id)
    ).first()
    if found is None or (names_item(forecast_id) and not _has_item(connection, forecast_id)):
        raise NotFoundError(f"There is no forecast '{printable(forecast_id)}'.")
    return found


def names_item(forecast_id: str) -> bool:
    """Return whether an ID is that of one item's forecast, and not of a run."""
    return _MARK in forecast_id


def read_items(
    connection: Connection,
    forecast_id: str,
    item_id: str | None,
    after: int,
    most: int,
    status: str | None = None,
) -> list[Row[Any]]:
    """Return the items of a run, or the one of a forecast, in their order, after a position.

    Only those of a name or a status, where one is given.
    """
    items = forecast_items.c
    one = names_item(forecast_id)
    own = items.forecast_id == forecast_id if one else items.forecast_run_id == forecast_id
    asked = select(forecast_items).where(own, items.position > after)
    if item_id is not None:
        asked = asked.where(items.item_id == item_id)
    if status is not None:
        asked = asked.where(items.status == status)
    return list(connection.execute(asked.order_by(items.position).limit(most)).all())


def read_results(connection: Connection, forecast_ids: Sequence[str]) -> pa.Table:
    """Return the steps of forecasts, those of each together and in their order."""
    return read_rows(connection, _RESULTS, forecast_ids, _RESULT_KINDS)


def remove(connection: Connection, client_id: str, forecast_id: str) -> None:
    """Remove a run that has ended, or one of its forecasts; raise StateError while it runs."""
    runs = forecast_runs.c
    run = find_run(connection, client_id, forecast_id)
    # Whoever stores forecasts of it ends first, or finds it gone.
    held = select(runs.status).where(runs.forecast_run_id == run.forecast_run_id).with_for_update()
    if connection.execute(held).scalar() not in _ENDED:
        raise StateError("The run has not ended yet; cancel its job first.")
    items = forecast_items.c
    own = (
        items.forecast_id == forecast_id if names_item(forecast_id) else items.forecast_run_id == forecast_id
    )
    chosen = select(items.forecast_id).where(own)
    connection.execute(delete(forecast_results).where(forecast_results.c.forecast_id.in_(chosen)))
    connection.execute(delete(forecast_items).where(own))
    if not names_item(forecast_id):
        connection.execute(delete(forecast_runs).where(runs.forecast_run_id == forecast_id))


def _has_item(connection: Connection, forecast_id: str) -> bool:
    asked = select(forecast_items.c.forecast_id).where(forecast_items.c.forecast_id == forecast_id)
    return connection.execute(asked).first() is not None


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    runs = forecast_runs.c
    same: Mapping[str, ColumnElement[Any]] = {
        "model": runs.model_name,
        "dataset": runs.dataset,
        "status": runs.status,
        "kind": runs.kind,
    }
    for name, column in same.items():
        value = getattr(wanted, name)
        if value is not None:
            yield column == value
    if wanted.created_after is not None:
        yield runs.created_at >= wanted.created_after
    if wanted.created_before is not None:
        yield runs.created_at < wanted.created_before
    if wanted.item_id is not None:
        items = forecast_items.c
        yield exists().where(items.forecast_run_id == runs.forecast_run_id, items.item_id == wanted.item_id)


def _write_cursor(at: datetime, run_id: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([at.isoformat(), run_id])).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, run_id = orjson.loads(base64.urlsafe_b64decode(cursor))
        return datetime.fromisoformat(at), str(run_id)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RequestError("cursor: use the next_cursor of an answer as it is.") from error
