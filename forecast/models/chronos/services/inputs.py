"""Series and covariates as Chronos takes them: float32, one row a variable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.core.adapter import Covariate, Floats, Task

# In units of the past; the model squares what it gets, which float32 bounds.
_FARTHEST = 1e13


@dataclass(frozen=True, slots=True)
class Unit:
    """The offset and the size, a power of two, in which a variable is handed to the model.

    The models themselves are blind to both, Chronos-T5 only to the size; float32 and its squares are not.
    """

    offset: float
    size: float
    constant: bool

    def reduce(self, values: Floats) -> Floats:
        """Return values in this unit."""
        return (values - self.offset) / self.size

    def restore(self, values: Floats) -> Floats:
        """Return values of the model as values of the variable; a constant stays exactly what it was."""
        return values * (0.0 if self.constant else self.size) + self.offset


def measure(values: Floats, *, centred: bool = True) -> Unit:
    """Return the unit of a variable, its offset zero unless `centred`; NaN in it do not count."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    offset = low / 2 + high / 2 if centred else 0.0
    reach = max(high - offset, offset - low)
    size = float(np.ldexp(1.0, np.frexp(reach)[1] - 1)) if reach > 0 else 1.0
    return Unit(offset, size, reach == 0)


def make_input(torch: Any, task: Task, targets: Sequence[Floats]) -> dict[str, Any]:
    """Return a series for Chronos-2, as the library's PreparedInput; each of its `targets` is in its unit.

    The library's own preparation works in float32, in which a constant column becomes rounding noise that
    the model then normalizes to plus or minus one, differently by the lengths of its batch mates.
    """
    covariates = sorted(task.series.covariates, key=lambda one: one.future is not None)
    columns = [_reduce(one, targets) for one in covariates]
    unknown = np.full(task.horizon, np.nan)
    past = [*targets, *(past for past, _ in columns)]
    future = [unknown if future is None else future for _, future in columns]
    return {
        "context": _stack(torch, past),
        "future_covariates": _stack(torch, [unknown] * len(targets) + future),
        "n_targets": len(targets),
        "n_covariates": len(covariates),
        "n_future_covariates": sum(one.future is not None for one in covariates),
    }


def _stack(torch: Any, rows: Sequence[Floats]) -> Any:
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def _reduce(covariate: Covariate, targets: Sequence[Floats]) -> tuple[Floats, Floats | None]:
    if covariate.kind == "numerical":
        past, future = _numbers(covariate)
    else:
        past, future = _encode(covariate, targets[0]) if len(targets) == 1 else _count(covariate)
    unit = measure(past)
    known = None if future is None else np.clip(unit.reduce(future), -_FARTHEST, _FARTHEST)
    return unit.reduce(past), known


def _numbers(covariate: Covariate) -> tuple[Floats, Floats | None]:
    past: Floats = covariate.past.astype(np.float64)
    return past, None if covariate.future is None else covariate.future.astype(np.float64)


def _encode(covariate: Covariate, target: Floats) -> tuple[Floats, Floats | None]:
    """Return each category as the mean of this series' target in it, drawn by one step towards the mean.

    A category that the past has not is the mean: the target encoding of chronos-forecasting 2.3.2.
    """
    seen = np.isfinite(target)
    mean = float(target[seen].mean()) if seen.any() else 0.0
    categories, codes = np.unique(covariate.past.astype(str), return_inverse=True)
    sums = np.bincount(codes[seen], target[seen], len(categories))
    means = (mean + sums) / (1 + np.bincount(codes[seen], minlength=len(categories)))
    table = dict(zip(categories.tolist(), means.tolist(), strict=True))
    if covariate.future is None:
        return means[codes], None
    return means[codes], np.array([table.get(str(one), mean) for one in covariate.future])


def _count(covariate: Covariate) -> tuple[Floats, Floats | None]:
    """Return each category as its place among those of the past, NaN for one that the past has not.

    That is how chronos-forecasting 2.3.2 reads categories beside several targets.
    """
    categories, codes = np.unique(covariate.past.astype(str), return_inverse=True)
    places = {name: float(place) for place, name in enumerate(categories.tolist())}
    past: Floats = codes.astype(np.float64)
    if covariate.future is None:
        return past, None
    return past, np.array([places.get(str(one), np.nan) for one in covariate.future])
