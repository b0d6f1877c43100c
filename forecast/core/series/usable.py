"""Which rows a context may begin and end with."""

from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.parameters import Parameters
from forecast.core.series.zone import read_bound

Rows = NDArray[np.int64]


def are_known(targets: dict[str, Floats]) -> NDArray[np.bool_]:
    """Return which rows have any target."""
    known: NDArray[np.bool_] = ~np.all([np.isnan(values) for values in targets.values()], axis=0)
    return known


def are_inside(ticks: Rows, parameters: Parameters, zone: tzinfo | None) -> NDArray[np.bool_]:
    """Return which rows lie between the start and the end that the context may have."""
    inside = np.ones(len(ticks), dtype=bool)
    for field, side in (("context_start_date", np.greater_equal), ("context_end_date", np.less_equal)):
        text = getattr(parameters, field)
        if text is not None:
            bound = read_bound(field, text, zone, is_end=field == "context_end_date")
            inside &= side(ticks, bound.as_unit("ns").value)
    return inside
