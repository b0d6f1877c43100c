"""Covariates as the numerical columns that Prophet regresses on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.core.adapter import Covariate, Floats, Series
from forecast.core.design import tell_unseen
from forecast.core.errors import NotSupportedError, RequestError

MOST_CATEGORIES = 100
"""The most categories of one covariate; each is a column, and a fit slows with their square."""


@dataclass(frozen=True, slots=True, eq=False)
class Regressor:
    """One column: `past` has shape (context,), `future` (horizon,)."""

    past: Floats
    future: Floats


def regressors(series: Series) -> tuple[list[Regressor], tuple[str, ...]]:
    """Return the columns of a series, and a warning for each covariate that says nothing about it.

    A categorical covariate has one column a category of the known past; another category in the future has
    the mean of their effects, with a warning. What never changes in the known past is left out: its effect
    cannot be told from the trend's level. Raises RequestError beyond MOST_CATEGORIES.
    """
    known = ~np.isnan(series.target)
    columns: list[Regressor] = []
    warnings = []
    for covariate in series.covariates:
        values = set(covariate.past[known].tolist())
        if len(values) < 2:
            warnings.append(
                f"Covariate '{covariate.name}' was not used where it does not change within a series:"
                " Prophet is fitted to each series alone and learns nothing from it."
            )
        elif covariate.kind == "numerical":
            columns.append(Regressor(np.asarray(covariate.past, np.float64), _future(covariate)))
        else:
            columns += _one_hot(covariate, sorted(values), known)
            unseen = ~np.isin(_future(covariate), list(values))
            if unseen.any():
                warnings.append(tell_unseen(covariate.name, _future(covariate)[unseen]))
    return columns, tuple(warnings)


def _one_hot(covariate: Covariate, categories: list[str], known: NDArray[np.bool_]) -> list[Regressor]:
    if len(categories) > MOST_CATEGORIES:
        raise RequestError(
            f"Covariate '{covariate.name}' has {len(categories)} categories in one series; Prophet takes at"
            f" most {MOST_CATEGORIES}. Leave it out, or give fewer categories."
        )
    future = _future(covariate)
    unseen = ~np.isin(future, categories)
    columns = []
    for category in categories:
        past = (covariate.past == category).astype(np.float64)
        ahead = np.where(unseen, past[known].mean(), future == category)
        columns.append(Regressor(past, ahead.astype(np.float64)))
    return columns


def _future(covariate: Covariate) -> Floats:
    if covariate.future is None:
        raise NotSupportedError(f"Prophet needs the future of covariate '{covariate.name}'.")
    return np.asarray(covariate.future)
