"""Covariates that an item has no value of: it is forecast without them, and says so."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecast.core.parameters import Parameters
from forecast.core.series.columns import is_empty, read_numbers
from forecast.core.series.groups import Rows
from forecast.core.series.ticks import read_ticks
from forecast.core.series.usable import are_inside, are_known
from forecast.runs.portion import Portion, is_pooled

Mask = NDArray[np.bool_]


def split_lacking(portion: Portion) -> list[Portion]:
    """Return a portion as those of series that have the same covariates, what they lack told in `notes`.

    One that is not lenient is returned as it is, and so is one in which each covariate is to be there
    (`covariates_mode` strict), or whose series share one regression on them.
    """
    parameters: Parameters = portion.request.parameters
    strict = parameters.covariates_mode == "strict" or is_pooled(portion.request)
    if strict or not portion.lenient or not parameters.use_covariates:
        return [portion]
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, lacking in _find_lacking(portion):
        alike.setdefault(lacking, []).append(name)
    return [_leave_out(portion.only(names), lacking) for lacking, names in alike.items()]


def _leave_out(portion: Portion, lacking: tuple[str, ...]) -> Portion:
    notes = [
        f"Covariate '{name}' has no value for this item up to its cutoff and was left out."
        for name in lacking
    ]
    return replace(portion.without(lacking), notes=(*portion.notes, *notes))


def _find_lacking(portion: Portion) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each series and the covariates that it has no value of."""
    covariates = portion.definition.covariates
    empty = {name: np.asarray(is_empty(portion.frame[name])) for name in covariates}
    empty = {name: cells for name, cells in empty.items() if cells.any()}
    if not empty:
        yield from ((series, ()) for series in portion.rows)
        return
    ticks, usable = read_ticks(portion.stamps), _usable(portion)
    for series, rows in portion.rows.items():
        context = _context(rows[np.argsort(ticks[rows], kind="stable")], usable)
        # A static covariate may stand in any row of its series.
        looked = {name: rows if covariates[name].startswith("static") else context for name in empty}
        yield series, tuple(name for name, cells in empty.items() if cells[looked[name]].all())


def _usable(portion: Portion) -> Mask:
    """Return which rows a context may begin and end with."""
    targets = {name: read_numbers(portion.frame[name]) for name in portion.targets}
    inside = are_inside(read_ticks(portion.stamps), portion.request.parameters, portion.stamps.tz)
    usable: Mask = are_known(targets) & inside
    return usable


def _context(rows: Rows, usable: Mask) -> Rows:
    """Return the rows of a series from its first known target to its last; all where it has none."""
    known = np.flatnonzero(usable[rows])
    return rows[known[0] : known[-1] + 1] if len(known) else rows
