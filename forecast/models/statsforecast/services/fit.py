"""One series, one fit: what runs in the processes of the pool."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecast.core.adapter import Floats, Forecast, Task
from forecast.models.statsforecast.schemas.schema import StatsforecastOptions
from forecast.models.statsforecast.services.intervals import exploded, interval_levels, quantile_columns
from forecast.models.statsforecast.services.methods import Choice, choose, simplest
from forecast.models.statsforecast.services.regressors import regressors
from forecast.models.statsforecast.services.unit import ordinary_unit

LONGEST_ARIMA_CONTEXT = 1000
"""The steps that AutoARIMA looks at: its search takes seconds for them and grows with their number."""


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    """What one call of the library takes; the regressors are None where the method has none."""

    target: Floats
    horizon: int
    levels: tuple[float, ...]
    regressors: Floats | None = None
    future_regressors: Floats | None = None


def warm() -> None:
    """Import the library, which takes one to two seconds."""
    import statsforecast.models  # noqa: F401 - the import is the point


def fit(task: Task) -> Forecast:
    """Return the forecast of one series, its method named and what deviates told in warnings.

    A method that cannot be fitted gives way to a simpler one; intervals that explode give way to those of
    the simpler one around the same point forecast.
    """
    asked = task.options.method if isinstance(task.options, StatsforecastOptions) else "auto"
    unit = ordinary_unit(task.series.target)
    choice, inputs = _prepare(choose(asked, task.series), task, unit)
    spare = simplest(len(inputs.target), task.series.season_length)
    tried, (choice, result) = choice, _fit_or_spare(choice, spare, inputs)
    mean = np.asarray(result["mean"], dtype=np.float64)
    quantiles = quantile_columns(result, task.levels)
    notes = choice.warnings
    if exploded(mean, quantiles, task.levels, inputs.target):
        plain = _forecast(spare, inputs)
        spread = quantile_columns(plain, task.levels) - plain["mean"][:, None]
        quantiles = mean[:, None] + spread
        notes += (
            f"The intervals of {choice.method} exploded; the width of those of {spare.method} is given.",
        )
    # Covariates reach AutoARIMA alone; what a spare method makes of the series is without them.
    used = not task.series.covariates or (choice.method == tried.method and inputs.regressors is not None)
    if not used and inputs.regressors is not None:
        notes += (f"{choice.method} takes no covariates; they were left out.",)
    return Forecast(mean * unit, quantiles * unit, task.levels, choice.method, notes, used)


def _prepare(choice: Choice, task: Task, unit: float) -> tuple[Choice, _Inputs]:
    series, notes = task.series, list(choice.warnings)
    inputs = _Inputs(series.target / unit, task.horizon, task.levels)
    if choice.method != "AutoARIMA":
        if series.covariates:
            notes.append(f"{choice.method} takes no covariates; they were left out.")
        return replace(choice, warnings=tuple(notes)), inputs
    steps = min(len(series.target), LONGEST_ARIMA_CONTEXT)
    if steps < len(series.target):
        notes.append(f"AutoARIMA looks at the last {steps} steps only.")
    inputs = replace(inputs, target=inputs.target[-steps:])
    if series.covariates:
        past, future, told = regressors(series.covariates, steps)
        notes += told
        if past.shape[1]:
            inputs = replace(inputs, regressors=past, future_regressors=future)
    return replace(choice, warnings=tuple(notes)), inputs


def _fit_or_spare(choice: Choice, spare: Choice, inputs: _Inputs) -> tuple[Choice, Mapping[str, Any]]:
    try:
        result = _forecast(choice, inputs)
        reason = None if np.isfinite(result["mean"]).all() else "its forecast was no number"
    except Exception as error:
        reason = type(error).__name__
    if reason is None:
        return choice, result
    told = f"{choice.method} could not be fitted ({reason}); {spare.method} was used instead."
    return replace(spare, warnings=(*choice.warnings, told)), _forecast(spare, inputs)


def _forecast(choice: Choice, inputs: _Inputs) -> Mapping[str, Any]:
    with warnings.catch_warnings():
        # Convergence warnings of candidates that the search tries and drops.
        warnings.simplefilter("ignore")
        result: Mapping[str, Any] = _build(choice).forecast(
            y=inputs.target,
            h=inputs.horizon,
            X=inputs.regressors,
            X_future=inputs.future_regressors,
            level=interval_levels(inputs.levels),
        )
    return result


def _build(choice: Choice) -> Any:
    from statsforecast import models

    kind = getattr(models, choice.method)
    if choice.method == "Naive":
        return kind()
    if choice.method == "AutoARIMA":
        return kind(season_length=choice.seasons[0], approximation=True)
    return kind(season_length=list(choice.seasons) if choice.method == "MSTL" else choice.seasons[0])
