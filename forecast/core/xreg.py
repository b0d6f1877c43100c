"""The in-context regression of one request: before the model, or after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from forecast.core.ability import lacking
from forecast.core.adapter import Adapter, Capabilities, CovariateMode, Forecast, Series
from forecast.core.design import tell_unseen
from forecast.core.errors import NotSupportedError
from forecast.core.parameters import Parameters
from forecast.core.regression import Adjustment, correct, regress

AFTER = "timesfm + xreg"
_TOO_SHORT = (
    f"A series is too short for xreg_mode '{AFTER}': the model could forecast nothing of its context. Its"
    " covariates were left out."
)
_NAMES = ("xreg_mode", "xreg_scope", "xreg_ridge")


@dataclass(frozen=True, slots=True)
class Use:
    """Whether covariates have a part in forecasts, and what is to be said of them."""

    used: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Regressed:
    """The series as the model is to see them, and the way from its forecasts to those of the caller's series.

    `restore` may take a while and is called once; it needs backcasts where `backcast`. `used` tells whether
    the covariates have a part in the forecasts; `of_one` tells that of one of the caller's series.
    """

    series: Sequence[Series]
    of_one: Callable[[Series], Use]
    restore: Callable[[Sequence[Forecast]], list[Forecast]] = list
    backcast: bool = False
    used: bool = False
    warnings: tuple[str, ...] = ()


def check_xreg(
    adapter: Adapter[Any], limits: Capabilities, mode: CovariateMode, parameters: Parameters
) -> None:
    """Raise NotSupportedError where the request says how to regress, but the model is not regressed so."""
    given = _given(parameters)
    if given and mode != "regression":
        does = "uses covariates itself" if mode == "native" else "takes no covariates"
        raise NotSupportedError(
            f"'{adapter.model_id}' {does} in this request; {', '.join(given)} would tell how to regress on"
            " covariates around a model that does not. Leave that out.",
            details={"parameters": given},
        )
    if parameters.xreg_mode == AFTER and not limits.backcast:
        raise lacking(
            adapter, "backcast", f"cannot forecast its own context, which xreg_mode '{AFTER}' starts from"
        )


def apply_xreg(series: Sequence[Series], mode: CovariateMode, parameters: Parameters) -> Regressed:
    """Return the series of a request with their covariates taken care of, as its parameters say.

    Raises DataError where the covariates have too many categories.
    """
    pooled = parameters.xreg_scope == "pooled"
    declared = any(one.covariates for one in series)
    use = tell_use(series, mode, parameters)
    alike = pooled or not declared
    whole = Regressed(series, of_one=lambda one: use if alike else tell_use([one], mode, parameters))
    whole = replace(whole, used=use.used, warnings=use.warnings)
    if mode != "regression" or not declared:
        return whole
    bare = [replace(one, covariates=()) for one in series]
    if not use.used:
        return replace(whole, series=bare)
    if parameters.xreg_mode == AFTER:
        restore = partial(_restore_after, series, parameters.xreg_ridge, pooled)
        return replace(whole, series=bare, restore=restore, backcast=True)
    residual, adjustments = zip(*regress(series, parameters.xreg_ridge, pooled=pooled), strict=True)
    return replace(whole, series=residual, restore=partial(_restore_before, adjustments))


def tell_use(series: Sequence[Series], mode: CovariateMode, parameters: Parameters) -> Use:
    """Return what comes of the covariates of series that are regressed together, or each on its own."""
    declared = any(one.covariates for one in series)
    notes = []
    if not declared and (given := _given(parameters)):
        notes.append(f"Without covariates {', '.join(given)} has no effect.")
    if not declared or mode != "regression":
        return Use(declared, tuple(notes))
    notes += _unseen(series)
    idle = _idle(series)
    if idle:
        where = "any context of the request" if len(series) > 1 else "the context"
        notes.append(
            f"Covariates that never change in {where} ({', '.join(idle)}) have no effect: nothing is known of"
            " what their change would do."
        )
    pooled = parameters.xreg_scope == "pooled"
    static = [covariate.name for covariate in series[0].covariates if covariate.static]
    alone = len(static) == len(series[0].covariates)
    if static and (alone or not pooled):
        notes.append(_explain(static, pooled))
    used = not alone and len(static) + len(idle) < len(series[0].covariates)
    return Use(used, tuple(notes))


def _unseen(series: Sequence[Series]) -> list[str]:
    """Return a warning for each covariate with categories ahead that no context of the request has."""
    past: dict[str, set[object]] = {}
    ahead: dict[str, set[object]] = {}
    for one in series:
        for covariate in one.covariates:
            if covariate.kind == "categorical" and covariate.future is not None:
                past.setdefault(covariate.name, set()).update(covariate.past.tolist())
                ahead.setdefault(covariate.name, set()).update(covariate.future.tolist())
    return [tell_unseen(name, ahead[name] - past[name]) for name in ahead if ahead[name] - past[name]]


def _idle(series: Sequence[Series]) -> list[str]:
    """Return the dynamic covariates that have one value in each context of the request."""
    moving: dict[str, bool] = {}
    for one in series:
        for covariate in one.covariates:
            if not covariate.static:
                changes = bool((covariate.past != covariate.past[0]).any())
                moving[covariate.name] = changes or moving.get(covariate.name, False)
    return [name for name, moves in moving.items() if not moves]


def _explain(static: Sequence[str], pooled: bool) -> str:
    names = f"Static covariates ({', '.join(static)})"
    if pooled:
        return (
            f"{names} have no effect without dynamic ones: each series is regressed in units of its own mean"
            " and spread."
        )
    return (
        f"{names} are constant within a series and so without effect on its own regression; 'xreg_scope':"
        " 'pooled' compares the series of a request."
    )


def _given(parameters: Parameters) -> list[str]:
    given = parameters.model_dump(include=set(_NAMES), exclude_unset=True, exclude_none=True)
    return [name for name in _NAMES if name in given]


def _restore_before(adjustments: Sequence[Adjustment], forecasts: Sequence[Forecast]) -> list[Forecast]:
    return [one.restore(forecast) for one, forecast in zip(adjustments, forecasts, strict=True)]


def _restore_after(
    series: Sequence[Series], ridge: float | None, pooled: bool, forecasts: Sequence[Forecast]
) -> list[Forecast]:
    # The worker lets no forecast without the backcast through that its task asked for.
    backcasts = [forecast.backcast for forecast in forecasts if forecast.backcast is not None]
    adjustments = correct(series, backcasts, ridge, pooled)
    return [
        adjustment.restore(forecast)
        if adjustment is not None
        else replace(forecast, covariates_used=False, warnings=(*forecast.warnings, _TOO_SHORT))
        for adjustment, forecast in zip(adjustments, forecasts, strict=True)
    ]
