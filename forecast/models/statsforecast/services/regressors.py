"""The covariates of a series as the columns that AutoARIMA takes."""

from collections.abc import Sequence

import numpy as np

from forecast.core.adapter import Covariate, Floats
from forecast.core.design import tell_unseen
from forecast.models.statsforecast.services.unit import ordinary_unit

# What of a column the others leave over; below this share it repeats them and has no coefficient.
_REPEATS = 1e-8
# Regressors on fewer rows each follow the noise of the context.
_ROWS_PER_COLUMN = 4


def regressors(covariates: Sequence[Covariate], steps: int) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return the columns of the last `steps` steps and of the horizon, and what was left out.

    Shapes are (steps, k) and (horizon, k). A categorical covariate has a column for each category but the
    first; one that the context has not seen has the mean of their effects.
    """
    past: list[Floats] = []
    future: list[Floats] = []
    warnings: list[str] = []
    basis: Floats = np.full((steps, 1), steps**-0.5)
    for covariate in covariates:
        before, after = _columns(covariate, steps, warnings)
        kept = 0
        for column, ahead in zip(before, after, strict=True):
            direction = _direction(column, basis)
            if direction is not None and len(past) < steps // _ROWS_PER_COLUMN:
                basis = np.column_stack([basis, direction])
                past.append(column)
                future.append(ahead)
                kept += 1
        if kept < max(1, len(before)):
            warnings.append(
                f"Covariate '{covariate.name}' was left out, {'wholly' if not kept else 'in part'}: it is"
                f" constant or repeats others in the context, or needs a longer one."
            )
    horizon = len(covariates[0].future) if covariates and covariates[0].future is not None else 0
    return _matrix(past, steps), _matrix(future, horizon), tuple(warnings)


def _columns(covariate: Covariate, steps: int, warnings: list[str]) -> tuple[list[Floats], list[Floats]]:
    if covariate.future is None:
        raise ValueError("the capabilities promise a known future of every covariate")
    past, future = covariate.past[-steps:], covariate.future
    if covariate.kind == "numerical":
        before, after = past.astype(np.float64), future.astype(np.float64)
        unit = ordinary_unit(before)
        return [before / unit], [after / unit]
    known = sorted(set(past))
    unseen = ~np.isin(future, known)
    if unseen.any():
        warnings.append(tell_unseen(covariate.name, future[unseen]))
    columns = [(past == name).astype(np.float64) for name in known[1:]]
    steps_ahead = [(future == name).astype(np.float64) for name in known[1:]]
    return columns, [
        np.where(unseen, column.mean(), ahead) for column, ahead in zip(columns, steps_ahead, strict=True)
    ]


def _direction(column: Floats, basis: Floats) -> Floats | None:
    """Return the unit vector that the column adds to an orthonormal basis, or None where it adds none."""
    rest = column - basis @ (basis.T @ column)
    rest -= basis @ (basis.T @ rest)
    size = float(np.linalg.norm(rest))
    if size <= _REPEATS * float(np.linalg.norm(column)):
        return None
    unit: Floats = rest / size
    return unit


def _matrix(columns: list[Floats], rows: int) -> Floats:
    return np.column_stack(columns) if columns else np.empty((rows, 0))
