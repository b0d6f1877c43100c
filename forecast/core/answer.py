"""The body of an answer: forecasts back on the caller's scale, columns, bands, dates and times."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pandas as pd

from forecast.core.adapter import Floats, Forecast
from forecast.core.errors import ModelError
from forecast.core.job import Answer
from forecast.core.plan import Plan
from forecast.core.quantiles import (
    asked_levels,
    band_levels,
    has_mean_column,
    quantile_bands,
    quantile_columns,
)
from forecast.core.series.ticks import read_ticks
from forecast.core.xreg import Use

API_VERSION = "v1"
_DAY = 86_400 * 10**9


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a request comes to, however it is written.

    `forecasts` are those of the panel's series in order, on the caller's scale; `columns` are their quantiles
    at `levels`, shape (horizon, len(levels)) each, None where none are wanted.
    """

    plan: Plan
    forecasts: list[Forecast]
    columns: list[Floats] | None
    levels: tuple[float, ...]
    warnings: list[str]
    execution: dict[str, Any]

    def use_of(self, place: int) -> Use:
        """Return whether covariates have a part in one series' forecast, and all that is to be said of it."""
        panel, forecast = self.plan.panel, self.forecasts[place]
        use = self.plan.regressed.of_one(panel.series[place])
        told = dict.fromkeys((*panel.notes[place], *use.warnings, *forecast.warnings))
        return Use(use.used and forecast.covariates_used, tuple(told))

    @property
    def method(self) -> str:
        """How the forecast was made, in a word."""
        return "covariates_enhanced" if self._covariates_used else "basic"

    @property
    def metadata(self) -> dict[str, Any]:
        """How the forecast was made."""
        series = self.plan.panel.series
        return {
            "input_series_count": len(series),
            "forecast_length": self.plan.tasks[0].horizon,
            "context_lengths": [len(one.target) for one in series],
            "covariates_used": self._covariates_used,
            "quantiles_available": self.columns is not None,
            "frequency": self.plan.panel.freq,
            "model_methods": [forecast.method for forecast in self.forecasts],
        }

    @property
    def _covariates_used(self) -> bool:
        return self.plan.regressed.used and any(forecast.covariates_used for forecast in self.forecasts)


def settle(plan: Plan, answer: Answer, started: float) -> Outcome:
    """Return what a model's answer comes to; `started` is when the request came, on the monotonic clock."""
    forecasts = _restore(plan, answer.forecasts)
    warnings = dict.fromkeys((*plan.panel.warnings, *plan.regressed.warnings))
    for forecast in forecasts:
        warnings.update(dict.fromkeys(forecast.warnings))
    levels = asked_levels(plan.parameters) if plan.parameters.use_quantiles else ()
    columns = [quantile_columns(one, levels) for one in forecasts] if plan.parameters.use_quantiles else None
    execution = {
        "total_time_seconds": time.monotonic() - started,
        "execution_time_seconds": answer.model_seconds,
        "queue_time_seconds": answer.queue_seconds,
        "batch_size": answer.batch_size,
        "cached_series": answer.cached,
        "async_execution": True,
        "thread_pool": True,
        "model_version": plan.model_version,
        "weights_fingerprint": plan.ready.weights.fingerprint if plan.ready.weights else None,
        "api_version": API_VERSION,
    }
    return Outcome(plan, forecasts, columns, levels, list(warnings), execution)


def write_json(outcome: Outcome) -> bytes:
    """Return an outcome as JSON."""
    body = {
        "prediction": _prediction(outcome),
        "visualization_data": _visualization(outcome.plan),
        "execution_metadata": outcome.execution,
        "warnings": outcome.warnings,
    }
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _restore(plan: Plan, forecasts: Sequence[Forecast]) -> list[Forecast]:
    restored = plan.regressed.restore([one for forecast in forecasts for one in forecast.targets])
    for forecast in restored:
        # NaN would reach the caller as null.
        if not (np.isfinite(forecast.mean).all() and np.isfinite(forecast.quantiles).all()):
            raise ModelError("The covariates' regression gave a forecast that is no number.")
    options = plan.tasks[0].options
    bounds = [options.lower_bound(one.target) for one in plan.panel.series]
    return [
        forecast if bound is None else _cut_off(forecast, bound)
        for forecast, bound in zip(restored, bounds, strict=True)
    ]


def _cut_off(forecast: Forecast, bound: float) -> Forecast:
    mean, quantiles = np.maximum(forecast.mean, bound), np.maximum(forecast.quantiles, bound)
    return replace(forecast, mean=mean, quantiles=quantiles)


def _prediction(outcome: Outcome) -> dict[str, Any]:
    parameters = outcome.plan.parameters
    quantiles, levels = outcome.columns, None
    bands: dict[str, Any] = {}
    if outcome.columns is not None:
        bands = quantile_bands(outcome.columns, outcome.levels, band_levels(parameters))
        levels = list[float | None](outcome.levels)
        if has_mean_column(parameters):
            quantiles = [
                np.column_stack([forecast.mean, matrix])
                for forecast, matrix in zip(outcome.forecasts, outcome.columns, strict=True)
            ]
            levels = [None, *levels]
    return {
        "point_forecast": [np.ascontiguousarray(forecast.mean) for forecast in outcome.forecasts],
        "method": outcome.method,
        "series_ids": [one.unique_id for one in outcome.plan.panel.series],
        "quantile_forecast": None if quantiles is None else [np.ascontiguousarray(q) for q in quantiles],
        "quantile_levels": levels,
        "metadata": outcome.metadata,
        "quantile_bands": bands,
    }


def _visualization(plan: Plan) -> dict[str, Any]:
    series = plan.panel.series
    written: dict[tuple[pd.Timestamp, pd.Timestamp, int], list[str]] = {}

    def write_once(index: pd.DatetimeIndex) -> list[str]:
        # The series of a request lie on one calendar, and most of them on the same steps of it.
        key = (index[0], index[-1], len(index))
        if key not in written:
            written[key] = write_dates(index)
        return written[key]

    fields: dict[str, list[Any]] = {
        "historical_data": [np.ascontiguousarray(one.target) for one in series],
        "dates_historical": [write_once(one.index) for one in series],
        "dates_future": [write_once(one.future_index) for one in series],
        "actual_future": [[] if np.isnan(actual).all() else actual for actual in plan.panel.actuals],
    }
    flat = {name: values[0] if len(series) == 1 else values for name, values in fields.items()}
    names = plan.panel.target_names
    several = list(names) * (len(series) // len(names))
    return {**flat, "target_name": names[0] if len(names) == 1 else several}


def write_dates(index: pd.DatetimeIndex) -> list[str]:
    """Return stamps as ISO 8601: bare dates where all are midnights without a zone."""
    if index.tz is None and not np.any(read_ticks(index) % _DAY):
        days: list[str] = np.datetime_as_string(index.to_numpy(), unit="D").tolist()
        return days
    return [stamp.isoformat() for stamp in index]
