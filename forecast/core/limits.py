"""Holding a request to what the model can do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from forecast.core.adapter import Capabilities, Series
from forecast.core.data.table import Table
from forecast.core.errors import HorizonError, TooLargeError
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.series.panel import Panel


def check_horizon(horizon: int, limits: Capabilities, where: str = "") -> None:
    """Raise HorizonError, naming the limit, where a horizon is above it; `where` says what it holds for."""
    if limits.max_horizon is not None and horizon > limits.max_horizon:
        raise HorizonError(
            f"A horizon of {horizon} is above this model's limit of {limits.max_horizon}{where}.",
            details={"horizon_len": horizon, "max_horizon": limits.max_horizon},
        )


def check_series_count(request: InferenceRequest[Any], table: Table, most: int) -> None:
    """Raise TooLargeError where a request asks for more than `most` series, its targets counted apart."""
    parameters: Parameters = request.parameters
    roles = request.data_definition
    targets = sum(role == "target" for role in roles.values())
    column = next((name for name, role in roles.items() if role == "id"), None)
    ids = 1
    if parameters.series_ids is not None:
        ids = len(parameters.series_ids)
    elif column in table.frame:
        ids = table.frame[column].nunique()
    if ids * targets > most:
        raise TooLargeError(
            f"The request asks for {ids * targets} series; the limit is {most} (setting"
            " MAX_SERIES_PER_REQUEST). Send several requests, each with some of the 'series_ids'.",
            details={"series": ids * targets, "max_series": most},
        )


def keep_within(limits_of: Callable[[Series], Capabilities], parameters: Parameters, panel: Panel) -> Panel:
    """Return the panel with each context cut to what the model takes of that series.

    Warns where the request named a longer one. Raises HorizonError where a series cannot be forecast so far.
    """
    kept, warnings, notes = [], dict.fromkeys(panel.warnings), []
    for series, own in zip(panel.series, panel.notes, strict=True):
        limits = limits_of(series)
        season = f" for a series of frequency '{series.freq}' with a season of {series.season_length} steps"
        check_horizon(len(series.future_index), limits, season)
        longest = limits.max_context
        if longest is not None and len(series.target) > longest:
            if parameters.context_len is not None:
                note = f"The context is cut to {longest} steps, this model's limit at this horizon{season}."
                warnings[note] = None
                own = (*own, note)  # noqa: PLW2901 - and what is said of it
            series = _last_steps(series, longest)  # noqa: PLW2901 - the same series, shorter
        kept.append(series)
        notes.append(own)
    return replace(panel, series=tuple(kept), warnings=tuple(warnings), notes=tuple(notes))


def _last_steps(series: Series, count: int) -> Series:
    covariates = tuple(replace(one, past=one.past[-count:]) for one in series.covariates)
    return replace(series, index=series.index[-count:], target=series.target[-count:], covariates=covariates)
