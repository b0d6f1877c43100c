"""Holding a request to what the model can do."""

from collections.abc import Callable
from dataclasses import replace

from forecast.core.adapter import Capabilities, Series
from forecast.core.errors import HorizonError
from forecast.core.parameters import Parameters
from forecast.core.series.panel import Panel


def check_horizon(horizon: int, limits: Capabilities, where: str = "") -> None:
    """Raise HorizonError, naming the limit, where a horizon is above it; `where` says what it holds for."""
    if limits.max_horizon is not None and horizon > limits.max_horizon:
        raise HorizonError(
            f"A horizon of {horizon} is above this model's limit of {limits.max_horizon}{where}.",
            details={"horizon_len": horizon, "max_horizon": limits.max_horizon},
        )


def keep_within(limits_of: Callable[[Series], Capabilities], parameters: Parameters, panel: Panel) -> Panel:
    """Return the panel with each context cut to what the model takes of that series.

    Warns where the request named a longer one. Raises HorizonError where a series cannot be forecast so far.
    """
    kept, warnings = [], dict.fromkeys(panel.warnings)
    for series in panel.series:
        limits = limits_of(series)
        season = f" for a series of frequency '{series.freq}' with a season of {series.season_length} steps"
        check_horizon(len(series.future_index), limits, season)
        longest = limits.max_context
        if longest is not None and len(series.target) > longest:
            if parameters.context_len is not None:
                note = f"The context is cut to {longest} steps, this model's limit at this horizon{season}."
                warnings[note] = None
            series = _last_steps(series, longest)  # noqa: PLW2901 - the same series, shorter
        kept.append(series)
    return replace(panel, series=tuple(kept), warnings=tuple(warnings))


def _last_steps(series: Series, count: int) -> Series:
    covariates = tuple(replace(one, past=one.past[-count:]) for one in series.covariates)
    return replace(series, index=series.index[-count:], target=series.target[-count:], covariates=covariates)
