"""In-context regression: covariates for forecasters that take none.

A ridge regression on the covariates is fitted over the series it is given: before the forecaster, which
then sees what the regression leaves over, or after it, on the errors of its backcast. Its part is added to
mean and quantiles. These are the modes "xreg + timesfm" and "timesfm + xreg" of timesfm.utils.xreg_lib
(Apache-2.0), without jax and scikit-learn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.core.adapter import Floats, Forecast, Series
from forecast.core.design import MOST_COLUMNS, Design, Mask, make_designs, spread
from forecast.core.errors import DataError

MOST_REGRESSIONS = 20
"""How many regressions of MOST_COLUMNS, or as much work in smaller ones, a request may take."""

# Least squares on few rows a column follows the noise of the context; this penalty tames it.
_ROWS_PER_COLUMN = 4
_RIDGE_ON_FEW_ROWS = 3.0
# A direction of the columns is left out below this share, for each column, of the smallest column: it repeats
# others. Upstream takes the share of the largest direction, which loses categories rare in a long context.
_COLLINEAR = 10 * float(np.finfo(np.float32).eps)
# Below this a residual of the normalized target is rounding, not something to forecast.
_EXACT_FIT = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """What turns a model's forecast of one series into the forecast of its target.

    `offset` has shape (horizon,) and is the regression's part, in the target's unit; `scale` is what one
    unit of the model's forecast is worth in it.
    """

    offset: Floats
    scale: float

    def restore(self, forecast: Forecast) -> Forecast:
        """Return the forecast of the target: mean and quantiles scaled and shifted alike."""
        return replace(
            forecast,
            mean=forecast.mean * self.scale + self.offset,
            quantiles=forecast.quantiles * self.scale + self.offset[:, None],
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What the regression makes of one series, whose targets it saw less their mean, a scale being one.

    `context` has one value for each known step, `horizon` one for each step ahead.
    """

    context: Floats
    horizon: Floats
    mean: float
    scale: float
    columns: int


def regress(
    series: Sequence[Series], ridge: float | None = None, normalize: bool = True, pooled: bool = True
) -> list[tuple[Series, Adjustment]]:
    """Return for each series what its covariates do not explain, and how to get back from there.

    The series share one regression where `pooled`, else each has its own. They have the same covariates,
    whose future is known; gaps of the target (NaN) stay. The residual series have no covariates; with
    `normalize` each is in units of its target's standard deviation. `ridge` is the penalty on every column, 0
    being ordinary least squares and upstream's default; None takes 0, but a small penalty where there are
    few rows a column. Raises DataError for more columns than can be solved.
    """
    targets = [one.target for one in series]
    fits = _fit_all(series, targets, ridge, normalize, pooled)
    return [
        (
            replace(one, target=_residual(one.target, fit), covariates=()),
            Adjustment(fit.horizon * fit.scale + fit.mean, fit.scale),
        )
        for one, fit in zip(series, fits, strict=True)
    ]


def correct(
    series: Sequence[Series], backcasts: Sequence[Floats], ridge: float | None = None, pooled: bool = True
) -> list[Adjustment | None]:
    """Return for each series what its covariates explain of the errors of its backcast, shape (context,).

    Steps without a target or a backcast (NaN) are left out; a series that has none at all gets None.
    Everything else is as for `regress`.
    """
    errors = [one.target - backcast for one, backcast in zip(series, backcasts, strict=True)]
    known = [at for at, error in enumerate(errors) if not np.isnan(error).all()]
    fits = _fit_all([series[at] for at in known], [errors[at] for at in known], ridge, True, pooled)
    adjustments: list[Adjustment | None] = [None] * len(series)
    for at, fit in zip(known, fits, strict=True):
        adjustments[at] = Adjustment(fit.horizon * fit.scale + fit.mean, 1.0)
    return adjustments


def _fit_all(
    series: Sequence[Series], targets: Sequence[Floats], ridge: float | None, normalize: bool, pooled: bool
) -> list[_Fit]:
    if not series:
        return []
    if pooled:
        return _fit(series, targets, ridge, normalize)
    fits: list[_Fit] = []
    work = 0
    for one, target in zip(series, targets, strict=True):
        fits += _fit([one], [target], ridge, normalize)
        work += fits[-1].columns ** 3
        if work > MOST_REGRESSIONS * MOST_COLUMNS**3:
            raise DataError(
                f"The covariates have too many categories for one regression each of {len(series)} series;"
                " pass 'xreg_scope': 'pooled', or forecast fewer series at once."
            )
    return fits


def _fit(
    series: Sequence[Series], targets: Sequence[Floats], ridge: float | None, normalize: bool
) -> list[_Fit]:
    known: list[Mask] = [~np.isnan(target) for target in targets]
    values = [target[mask] for target, mask in zip(targets, known, strict=True)]
    stats = [_stats(value) if normalize else (0.0, 1.0) for value in values]
    units = [(value - mean) / scale for value, (mean, scale) in zip(values, stats, strict=True)]
    rows = sum(map(len, values))
    past, future = make_designs(series, known, drop_first=not ridge)
    if ridge is None and rows < _ROWS_PER_COLUMN * past.columns:
        ridge = _RIDGE_ON_FEW_ROWS
        past, future = make_designs(series, known, drop_first=False)
    weights = _solve(past, np.concatenate(units), ridge or 0.0)
    contexts = np.split(past.times(weights), np.cumsum([len(value) for value in values])[:-1])
    horizons = np.split(future.times(weights), np.cumsum([len(one.future_index) for one in series])[:-1])
    return [
        _Fit(context, horizon, mean, scale, past.columns)
        for context, horizon, (mean, scale) in zip(contexts, horizons, stats, strict=True)
    ]


def _stats(target: Floats) -> tuple[float, float]:
    return float(target.mean()), spread(target) or 1.0


def _residual(target: Floats, fit: _Fit) -> Floats:
    known = ~np.isnan(target)
    left = (target[known] - fit.mean) / fit.scale - fit.context
    residual = np.full(len(target), np.nan)
    residual[known] = left if np.abs(left).max() > _EXACT_FIT else 0.0
    return residual


def _solve(design: Design, target: Floats, ridge: float) -> Floats:
    penalized = design.gram() + ridge * np.eye(design.columns)
    sizes, directions = np.linalg.eigh(penalized)
    told = np.diag(penalized)
    kept = sizes > _COLLINEAR * 2 ** np.ceil(np.log2(design.columns)) * told[told > _EXACT_FIT].min()
    directions = directions[:, kept]
    weights: Floats = directions @ ((directions.T @ design.moments(target)) / sizes[kept])
    return weights
