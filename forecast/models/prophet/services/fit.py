"""One series, one fit: what runs in the processes of the pool."""

import logging
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.core.adapter import Floats, Forecast, Series, Task
from forecast.core.errors import DataError, ModelError
from forecast.models.prophet.schemas.schema import ProphetOptions
from forecast.models.prophet.services.regressors import Regressor, regressors

SEED = 0
"""Where the simulated futures begin, so that a request has the same quantiles wherever it is fitted."""

FIT_SECONDS = 300.0
"""How long Stan may search for a fit; it takes seconds even where values lie exactly on a line."""

_SAME_NAME = (
    "growth",
    "n_changepoints",
    "changepoint_prior_scale",
    "seasonality_mode",
    "yearly_seasonality",
    "weekly_seasonality",
    "daily_seasonality",
    "seasonality_prior_scale",
    "holidays_prior_scale",
)


def warm() -> None:
    """Import Prophet and Stan, silence them, and fit once, which reads Stan's program from the disk."""
    _silence()
    from prophet import Prophet

    _silence()
    warnings.filterwarnings("ignore", message="Requested Holidays are available only from")
    days = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": np.arange(60) % 7})
    Prophet(uncertainty_samples=0).fit(days).predict(days[["ds"]])
    _remove_files()


def _silence() -> None:
    # While imported, prophet complains of a missing plotly; afterwards both libraries have set their own
    # levels, and would write two lines a fit. What fails is raised as well.
    import cmdstanpy

    for name in ("prophet", cmdstanpy.utils.get_logger().name):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def list_countries(_: object) -> list[str]:
    """Return the ISO 3166 codes of the countries whose holidays are known."""
    import holidays

    return sorted(code for code in holidays.list_supported_countries() if len(code) == 2)


def fit(task: Task) -> Forecast:
    """Return the forecast of one series, equal to Prophet's own with `SEED`.

    Raises DataError where fewer than two values are known, ModelError where Stan finds no fit.
    """
    series = task.series
    known = int(np.count_nonzero(~np.isnan(series.target)))
    if known < 2:
        raise DataError(
            f"Series '{series.unique_id}' has {known} known value{'s' if known != 1 else ''};"
            " Prophet needs at least 2."
        )
    options = task.options if isinstance(task.options, ProphetOptions) else ProphetOptions()
    columns, notes = regressors(series)
    history, future = _frames(series, columns, options)
    model = _build(options, len(columns))
    try:
        model.fit(history, timeout=FIT_SECONDS)
    except (RuntimeError, TimeoutError) as error:
        raise ModelError(
            f"Prophet found no fit for series '{series.unique_id}': its values or those of its covariates"
            " may be too extreme, or too many."
        ) from error
    finally:
        _remove_files()
    mean, samples = _simulate(model, future, options.uncertainty_samples)
    quantiles = np.quantile(samples, task.levels, axis=1).T
    return Forecast(mean, quantiles, task.levels, warnings=notes, covariates_used=bool(columns))


def _build(options: ProphetOptions, columns: int) -> Any:
    from prophet import Prophet

    # Without samples `predict` makes no intervals; `_simulate` sets their number.
    model = Prophet(**{name: getattr(options, name) for name in _SAME_NAME}, uncertainty_samples=0)
    for position in range(columns):
        model.add_regressor(_column(position))
    if options.country_holidays is not None:
        model.add_country_holidays(options.country_holidays)
    return model


def _column(position: int) -> str:
    # Prophet reserves names such as `trend`, `cap` and those of holidays: the caller's are not used.
    return f"regressor_{position}"


def _frames(
    series: Series, columns: list[Regressor], options: ProphetOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    history = pd.DataFrame({"ds": _local(series.index), "y": series.target})
    future = pd.DataFrame({"ds": _local(series.future_index)})
    for position, column in enumerate(columns):
        history[_column(position)] = column.past
        future[_column(position)] = column.future
    for name, bound in (("cap", options.cap), ("floor", options.floor)):
        if bound is not None:
            history[name] = future[name] = bound
    return history, future


def _local(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return stamps without their zone, which Prophet refuses, at the hour that clocks there show."""
    return index.tz_localize(None)


def _simulate(model: Any, future: pd.DataFrame, samples: int) -> tuple[Floats, Floats]:
    """Return the mean, shape (horizon,), and simulated futures, shape (horizon, samples)."""
    mean = model.predict(future)["yhat"].to_numpy()
    model.uncertainty_samples = samples
    np.random.seed(SEED)
    drawn = model.predictive_samples(future)["yhat"]
    # Prophet sorts its rows by stamp; where clocks go back, local stamps are not in order of time.
    place = np.argsort(np.argsort(future["ds"].to_numpy(), kind="stable"))
    return mean[place], drawn[place]


def _remove_files() -> None:
    """Remove what Stan read and wrote, which else stays until this process ends."""
    import cmdstanpy

    for path in Path(cmdstanpy._TMPDIR).iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
