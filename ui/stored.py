"""Forecasts that the gateway keeps, as the page shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from ui.forecasts import Forecast


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
