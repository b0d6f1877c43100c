"""In-context regression: covariates for forecasters that take none.

One ridge regression of the targets on the covariates is fitted over all series of a request. The
forecaster sees what the regression leaves over, and the regression's part is added to its forecast. This
is the "xreg + timesfm" mode of timesfm.utils.xreg_lib (Apache-2.0), without jax and scikit-learn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Covariate, Floats, Forecast, Series
from forecast.core.errors import DataError, NotSupportedError

MOST_COLUMNS = 1000
"""The most columns of one regression; its cost grows with their cube."""

# Least squares on few rows a column follows the noise of the context; this penalty tames it.
_ROWS_PER_COLUMN = 4
_RIDGE_ON_FEW_ROWS = 3.0
# Below this share of its magnitude a column's spread is rounding.
_ROUNDING = 1e-12
# Below this a residual of the normalized target is rounding, not something to forecast.
_EXACT_FIT = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """What turns the forecast of one residual series into the forecast of its target.

    `offset` has shape (horizon,) and is the regression's part, in the target's unit; `scale` is what one
    unit of the residual is worth in it.
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
class _Design:
    """The covariates of every row: a dense block, and one code a row for each categorical covariate.

    `numbers` has shape (rows, k), its first column the intercept. A code of 0 stands for no column, n for
    the n-th of the covariate's `widths[i]` columns, so one-hot matrices are never built.
    """

    numbers: Floats
    codes: tuple[NDArray[np.intp], ...]
    widths: tuple[int, ...]

    @property
    def columns(self) -> int:
        return int(self.numbers.shape[1]) + sum(self.widths)

    def gram(self) -> Floats:
        """Return X'X, shape (columns, columns)."""
        blocks = [[self.numbers.T @ self.numbers]]
        for code, width in zip(self.codes, self.widths, strict=True):
            sums = [_sums(code, width, column) for column in self.numbers.T]
            blocks.append([np.column_stack(sums)])
        for i, (code, width) in enumerate(zip(self.codes, self.widths, strict=True)):
            for j in range(i + 1):
                pairs = code * (self.widths[j] + 1) + self.codes[j]
                counts = np.bincount(pairs, minlength=(width + 1) * (self.widths[j] + 1))
                blocks[i + 1].append(counts.reshape(width + 1, -1)[1:, 1:].astype(np.float64))
        size = self.columns
        lower = np.vstack([_wide(np.hstack(row), size) for row in blocks])
        gram: Floats = np.tril(lower) + np.tril(lower, -1).T
        return gram

    def moments(self, target: Floats) -> Floats:
        """Return X'y, shape (columns,)."""
        sums = [_sums(code, width, target) for code, width in zip(self.codes, self.widths, strict=True)]
        return np.concatenate([self.numbers.T @ target, *sums])

    def times(self, weights: Floats) -> Floats:
        """Return X @ weights, shape (rows,)."""
        start = self.numbers.shape[1]
        total: Floats = self.numbers @ weights[:start]
        for code, width in zip(self.codes, self.widths, strict=True):
            total = total + np.concatenate([[0.0], weights[start : start + width]])[code]
            start += width
        return total


def _sums(code: NDArray[np.intp], width: int, values: Floats) -> Floats:
    return np.bincount(code, weights=values, minlength=width + 1)[1:].astype(np.float64)


def _wide(block: Floats, columns: int) -> Floats:
    return np.pad(block, ((0, 0), (0, columns - block.shape[1])))


def regress(
    series: Sequence[Series], ridge: float | None = None, normalize: bool = True
) -> list[tuple[Series, Adjustment]]:
    """Return for each series what its covariates do not explain, and how to get back from there.

    All series share one regression and have the same covariates, whose future is known; their targets
    have no gaps. The residual series have no covariates; with `normalize` each is in units of its target's
    standard deviation. `ridge` is the penalty on every column, 0 being ordinary least squares and upstream's
    default; None takes 0, but a small penalty where there are few rows a column. Raises DataError for
    more than MOST_COLUMNS columns.
    """
    columns = list(zip(*(sorted(one.covariates, key=lambda c: c.name) for one in series), strict=True))
    counts = [len(one.target) for one in series]
    horizons = [len(one.future_index) for one in series]
    past, future = _design(columns, sum(counts), sum(horizons), drop_first=not ridge)
    if ridge is None and sum(counts) < _ROWS_PER_COLUMN * past.columns:
        ridge = _RIDGE_ON_FEW_ROWS
        past, future = _design(columns, sum(counts), sum(horizons), drop_first=False)
    stats = [_stats(one.target) if normalize else (0.0, 1.0) for one in series]
    targets = [(one.target - mean) / scale for one, (mean, scale) in zip(series, stats, strict=True)]
    weights = _solve(past, np.concatenate(targets), ridge or 0.0)
    fits = np.split(past.times(weights), np.cumsum(counts)[:-1])
    parts = np.split(future.times(weights), np.cumsum(horizons)[:-1])
    return [
        (
            replace(one, target=_residual(target, fit), covariates=()),
            Adjustment(part * scale + mean, scale),
        )
        for one, target, fit, part, (mean, scale) in zip(series, targets, fits, parts, stats, strict=True)
    ]


def _stats(target: Floats) -> tuple[float, float]:
    spread = _spread(target)
    return float(target.mean()), spread or 1.0


def _spread(values: Floats) -> float:
    spread = float(values.std())
    return spread if spread > _ROUNDING * np.abs(values).max() else 0.0


def _residual(target: Floats, fit: Floats) -> Floats:
    left: Floats = target - fit
    return left if np.abs(left).max() > _EXACT_FIT else np.zeros_like(left)


def _solve(design: _Design, target: Floats, ridge: float) -> Floats:
    size = design.columns
    penalized = design.gram() + ridge * np.eye(size)
    # Upstream pads to a power of two and solves in float32; its cutoff is what tames collinear columns.
    cutoff = 10 * 2 ** int(np.ceil(np.log2(size))) * float(np.finfo(np.float32).eps)
    weights: Floats = np.linalg.pinv(penalized, rcond=cutoff, hermitian=True) @ design.moments(target)
    return weights


def _design(
    columns: Iterable[tuple[Covariate, ...]], rows: int, future_rows: int, *, drop_first: bool
) -> tuple[_Design, _Design]:
    numbers, future_numbers = [np.ones(rows)], [np.ones(future_rows)]
    codes, future_codes, widths = [], [], []
    for covariates in columns:
        past = np.concatenate([covariate.past for covariate in covariates])
        future = np.concatenate([_future(covariate) for covariate in covariates])
        if covariates[0].kind == "numerical":
            mean, spread = past.mean(), _spread(past)
            # A covariate that never changed tells nothing of what a change would do.
            numbers.append((past - mean) / spread if spread else np.zeros(rows))
            future_numbers.append((future - mean) / spread if spread else np.zeros(future_rows))
        else:
            code, categories = pd.factorize(past, sort=True)
            unseen = pd.Index(categories).get_indexer(pd.Index(future))
            first = 0 if drop_first else 1
            codes.append(code + first)
            future_codes.append(np.maximum(unseen + first, 0))
            widths.append(len(categories) - 1 + first)
            _check_columns(covariates[0].name, len(numbers) + sum(widths))
    return (
        _Design(np.column_stack(numbers), tuple(codes), tuple(widths)),
        _Design(np.column_stack(future_numbers), tuple(future_codes), tuple(widths)),
    )


def _future(covariate: Covariate) -> Floats | NDArray[np.object_]:
    if covariate.future is None:
        raise NotSupportedError(
            f"The covariate '{covariate.name}' has no known future, which the regression needs."
        )
    return covariate.future


def _check_columns(name: str, columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise DataError(
            f"With '{name}' the categorical covariates have more than {MOST_COLUMNS} categories in all;"
            " a column that names the series has the role 'id'."
        )
