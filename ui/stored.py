"""Forecasts that the gateway keeps, as the page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ui.forecasts import Forecast, moment

_SPANS_BEFORE = 20
"""How many times the length of the forecast is looked at before it."""


def read_item(item: Mapping[str, Any], model: str) -> Forecast | None:
    """Return the forecast of an item under a model's name, None where the item has none.

    What was known before its cutoff is not stored with it.
    """
    days: Sequence[Mapping[str, Any]] = item["predictions"]
    if not days:
        return None
    levels = sorted(days[0]["quantiles"], key=float)
    return Forecast(
        model=model,
        unique_id=str(item["item_id"]),
        method=item["metadata"]["method"],
        dates=[],
        history=[],
        future=[day["date"] for day in days],
        point=[day["value"] for day in days],
        quantiles={float(level): [day["quantiles"][level] for day in days] for level in levels},
        actual=[None] * len(days),
    )


def find_item(told: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the item of a name that is among those told of a run, None where it is not."""
    found: Sequence[Mapping[str, Any]] = told["forecasts"]
    return next((item for item in found if item["item_id"] == name), None)


def span_around(item: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return from when to when the history beside a forecast is of interest; None is its beginning."""
    end = item["predictions"][-1]["date"]
    cutoff = datetime.fromisoformat(item["metadata"]["cutoff"])
    try:
        begin = cutoff - _SPANS_BEFORE * (datetime.fromisoformat(end) - cutoff)
    except OverflowError:
        return None, end
    return begin.isoformat(), end


def put_beside(forecast: Forecast, cutoff: str, columns: Mapping[str, Sequence[Any]]) -> Forecast:
    """Return a forecast with what the history has before and after its cutoff."""
    rows = list(zip(columns.get("timestamp", ()), columns.get("value", ()), strict=True))
    known = [row for row in rows if moment(row[0]) <= moment(cutoff)]
    happened = {moment(day): value for day, value in rows}
    return replace(
        forecast,
        dates=[day for day, _ in known],
        history=[value for _, value in known],
        actual=[happened.get(moment(day)) for day in forecast.future],
    )
