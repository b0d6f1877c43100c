"""What came of one item of a run: its forecast, or why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.core.adapter import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """A forecast: `dates` are microseconds since 1970 of shape (horizon,), `quantiles` (horizon, levels).

    `zone` is the one its dates are told in, None for times without one; `cutoff` is the last stamp of the
    context, of `context_length` steps.
    """

    dates: NDArray[np.int64]
    points: Floats
    quantiles: Floats
    levels: tuple[float, ...]
    cutoff: int
    context_length: int
    frequency: str
    zone: str | None
    data_hash: str
    method: str | None
    covariates_used: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One item: its forecast, or the error `{error, detail}`; `place` counts from 0 within the run."""

    place: int
    item_id: str
    predicted: Predicted | None = None
    error: Mapping[str, Any] | None = None
