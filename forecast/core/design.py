"""The matrix of a linear regression on numerical and categorical covariates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Covariate, Floats, Series
from forecast.core.errors import DataError, NotSupportedError

MOST_COLUMNS = 1000
"""The most columns of one regression; its cost grows with their cube."""

MOST_TOLD = 5
"""The most categories that a warning names."""

# Below this share of its magnitude a column's spread is rounding.
_ROUNDING = 1e-12

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The covariates of every row: a dense block, and one code a row for each categorical covariate.

    `numbers` has shape (rows, k), its first column the intercept. A code of 0 stands for no column, n for
    the n-th of the covariate's `widths[i]` columns, so one-hot matrices are never built. A code beyond them
    is a category that the context has not: it has the mean effect of those there, each by its part in
    `shares`, whose first element belongs to the code 0.
    """

    numbers: Floats
    codes: tuple[NDArray[np.intp], ...]
    widths: tuple[int, ...]
    shares: tuple[Floats, ...]

    @property
    def columns(self) -> int:
        """How many columns there are, one-hot ones included."""
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
        for code, width, share in zip(self.codes, self.widths, self.shares, strict=True):
            effects = np.concatenate([[0.0], weights[start : start + width]])
            total = total + np.append(effects, effects @ share)[code]
            start += width
        return total


def _sums(code: NDArray[np.intp], width: int, values: Floats) -> Floats:
    return np.bincount(code, weights=values, minlength=width + 1)[1:].astype(np.float64)


def _wide(block: Floats, columns: int) -> Floats:
    return np.pad(block, ((0, 0), (0, columns - block.shape[1])))


def make_designs(
    series: Sequence[Series], known: Sequence[Mask], *, drop_first: bool
) -> tuple[Design, Design]:
    """Return the designs of the context's known steps and of the horizon, the series one after another.

    All series have the same covariates, `known` one mask of shape (context,) for each. With `drop_first` a
    categorical covariate has no column for its first category. Raises DataError for more than MOST_COLUMNS
    columns, NotSupportedError for a covariate whose future is unknown.
    """
    rows, future_rows = sum(map(np.count_nonzero, known)), sum(len(one.future_index) for one in series)
    numbers, future_numbers = [np.ones(rows)], [np.ones(future_rows)]
    codes, future_codes, widths, shares = [], [], [], []
    for covariates in _columns(series):
        past = np.concatenate([c.past[mask] for c, mask in zip(covariates, known, strict=True)])
        future = np.concatenate([_future(covariate) for covariate in covariates])
        if covariates[0].kind == "numerical":
            mean, deviation = past.mean(), spread(past)
            # A covariate that never changed tells nothing of what a change would do.
            numbers.append((past - mean) / deviation if deviation else np.zeros(rows))
            future_numbers.append((future - mean) / deviation if deviation else np.zeros(future_rows))
        else:
            code, categories = pd.factorize(past, sort=True)
            unseen = pd.Index(categories).get_indexer(pd.Index(future))
            first = 0 if drop_first else 1
            codes.append(code + first)
            widths.append(len(categories) - 1 + first)
            future_codes.append(np.where(unseen < 0, widths[-1] + 1, unseen + first))
            shares.append(np.bincount(codes[-1], minlength=widths[-1] + 1) / max(1, rows))
            _check_columns(covariates[0].name, len(numbers) + sum(widths))
    return (
        Design(np.column_stack(numbers), tuple(codes), tuple(widths), tuple(shares)),
        Design(np.column_stack(future_numbers), tuple(future_codes), tuple(widths), tuple(shares)),
    )


def tell_unseen(name: str, values: Iterable[object]) -> str:
    """Return the warning for the categories of a covariate that the context has not."""
    found = sorted({str(value) for value in values})
    more = f" and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
    told = ", ".join(found[:MOST_TOLD])
    return f"Covariate '{name}' takes values unknown so far, which count as its mean: {told}{more}."


def spread(values: Floats) -> float:
    """Return the standard deviation of values, 0 where it is only rounding."""
    deviation = float(values.std())
    return deviation if deviation > _ROUNDING * np.abs(values).max() else 0.0


def _columns(series: Sequence[Series]) -> Iterable[tuple[Covariate, ...]]:
    ordered = [sorted(one.covariates, key=lambda covariate: covariate.name) for one in series]
    return cast(Iterable[tuple[Covariate, ...]], zip(*ordered, strict=True))


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
