"""Cutting one covariate column to the context and the horizon of one series."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Capabilities, Covariate, Floats, Kind
from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.errors import DataError, RequestError
from forecast.core.parameters import Parameters
from forecast.core.series.gaps import fill_categories, fill_numbers, gap_error

Values = Floats | NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A covariate's column of the whole table: float64 with NaN, or text with None."""

    name: str
    kind: Kind
    static: bool
    values: Values


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Where one series lies in the table.

    `rows` are all its rows; `places` has the row of each step of history and horizon, or -1; `labels`
    has the place in the source of each row of the table; `index` has the stamps of the history, from the
    first known target to the cutoff, of which the context begins at position `start`: what lies before
    it is there to fill gaps from.
    """

    unique_id: str
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    index: pd.DatetimeIndex
    start: int
    labels: NDArray[np.int64]

    def refuse_gaps(self, column: str, empty: NDArray[np.bool_]) -> None:
        """Raise DataError where a column is empty, per step of the history, within the context."""
        gaps = self.start + np.flatnonzero(empty[self.start :])
        if len(gaps):
            rows = np.where(self.places < 0, -1, self.labels[self.places])
            raise gap_error(column, self.unique_id, self.index[gaps], rows[gaps])


def cut_covariate(
    column: Column, cut: Cut, parameters: Parameters, limits: Capabilities
) -> tuple[Covariate, list[str]]:
    """Return one series' share of a column, and what was assumed to complete it.

    A dynamic covariate whose future is wholly unknown keeps it so for a model that takes that; else its
    last value is carried forward, or refused when `covariates_mode` is strict. Raises DataError for gaps
    that are not to be filled and for static covariates that vary.
    """
    if column.static:
        return _static(column, cut), []
    values = _at(column.values, cut.places)
    past, future = values[: len(cut.index)], values[len(cut.index) :]
    empty = _empty(past)
    if parameters.missing == "error":
        cut.refuse_gaps(column.name, empty)
    notes = []
    if empty.all():
        raise DataError(f"Covariate '{column.name}' of series '{cut.unique_id}' has no value in the context.")
    if empty[cut.start :].any() and parameters.missing == "model":
        notes.append(f"Gaps of covariate '{column.name}' were interpolated; only the target may have them.")
    if empty[cut.start :].any() and parameters.missing == "zero" and column.kind == "numerical":
        notes.append(f"Gaps of covariate '{column.name}' are zero too; fill them where that is not meant.")
    past = _fill(past, "interpolate" if parameters.missing == "model" else parameters.missing)[cut.start :]
    unknown = _empty(future)
    if unknown.all() and limits.past_covariates:
        return Covariate(column.name, column.kind, past, None), notes
    if unknown.any():
        notes.append(_bridge(column, cut.unique_id, unknown, parameters))
        future = _fill(np.concatenate([past[-1:], future]), "ffill")[1:]
    return Covariate(column.name, column.kind, past, future), notes


def _bridge(column: Column, unique_id: str, unknown: NDArray[np.bool_], parameters: Parameters) -> str:
    gap = (
        f"The future of covariate '{column.name}' is unknown for {int(unknown.sum())} of {len(unknown)} steps"
    )
    if parameters.covariates_mode == "strict":
        raise RequestError(
            f"{gap} of series '{unique_id}'; add rows for them, or pass 'covariates_mode': 'best_effort'.",
            details={"column": column.name, "series": unique_id},
        )
    return f"{gap}; its last known value was carried forward."


def _static(column: Column, cut: Cut) -> Covariate:
    values = column.values[cut.rows]
    known = np.flatnonzero(~_empty(values))
    if not len(known):
        raise DataError(f"Static covariate '{column.name}' of series '{cut.unique_id}' has no value.")
    first = values[known[0]]
    differing = [int(at) for at in known if values[at] != first]
    if differing:
        rows = [int(cut.labels[cut.rows[at]]) + 1 for at in differing]
        raise DataError(
            f"Static covariate '{column.name}', row {rows[0]}: series '{cut.unique_id}' has both '{first}'"
            f" and '{values[differing[0]]}'; make it dynamic, or give the series one value.",
            errors=[
                CellError(f"differs from '{first}'", column=column.name, row=row)
                for row in rows[:MOST_ERRORS]
            ],
            details={
                "series": cut.unique_id,
                "column": column.name,
                "values": [str(first), str(values[differing[0]])],
            },
        )
    constant = cast(Values, np.full(len(cut.places), first, dtype=values.dtype))
    past, future = constant[cut.start : len(cut.index)], constant[len(cut.index) :]
    return Covariate(column.name, column.kind, past, future, static=True)


def _at(values: Values, places: NDArray[np.int64]) -> Values:
    taken = values[places].copy()
    taken[places < 0] = None if taken.dtype == object else np.nan
    return taken


def _empty(values: Values) -> NDArray[np.bool_]:
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return np.isnan(cast(Floats, values))


def _fill(values: Values, missing: str) -> Values:
    if values.dtype == object:
        return fill_categories(cast(NDArray[np.object_], values))
    return fill_numbers(cast(Floats, values), missing)  # type: ignore[arg-type]
