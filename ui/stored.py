"""A run that the gateway keeps: its items, their forecasts, and why some have none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ui.forecasts import Forecast


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What was asked and what came of it, as the gateway tells it, and the items by their names."""

    told: Mapping[str, Any]
    items: Mapping[str, Mapping[str, Any]]

    @property
    def names(self) -> list[str]:
        """The items that have a forecast."""
        return [name for name, item in self.items.items() if item["error"] is None]

    @property
    def failures(self) -> list[tuple[str, str]]:
        """The items that have none, each with the gateway's sentence that says why."""
        return [(name, item["error"]["detail"]) for name, item in self.items.items() if item["error"]]

    def forecast(self, name: str, model: str) -> Forecast:
        """Return the forecast of an item; what was known before its cutoff is not stored with it."""
        return read_item(self.items[name], model)


def read_run(told: Mapping[str, Any]) -> StoredRun:
    """Return a run as the gateway tells it."""
    return StoredRun(told, {str(item["item_id"]): item for item in told["forecasts"]})


def read_item(item: Mapping[str, Any], model: str) -> Forecast:
    """Return the forecast of an item that has one, under a model's name."""
    days: Sequence[Mapping[str, Any]] = item["predictions"]
    levels = sorted({level for day in days for level in day["quantiles"]}, key=float)
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
