"""The unit in which a series is handed to a model that computes in float32."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.core.adapter import Floats

# Outside these a model's own tolerance, or squares in float32, would spoil the numbers.
_ORDINARY = (1e-3, 1e12)


@dataclass(frozen=True, slots=True)
class Unit:
    """An offset and a size: a value of the series is `reduced * size + offset`."""

    offset: float
    size: float

    def reduce(self, values: Floats) -> Floats:
        """Return values of the series in this unit."""
        return (values - self.offset) / self.size

    def restore(self, values: Any) -> Any:
        """Return values in this unit as values of the series."""
        return values * self.size + self.offset


def standard_unit(target: Floats, *, always: bool = False) -> Unit:
    """Return the mean of a target, and its standard deviation where that is not ordinary, else 1.

    For models that are blind to shifts and, within a tolerance, to scale. `always` takes the standard
    deviation of ordinary targets too; that of a constant is 1.
    """
    spread = float(target.std()) or float(np.ptp(target))
    usual = _ORDINARY[0] < spread < _ORDINARY[1] and not always
    return Unit(float(target.mean()), 1.0 if usual or spread == 0 else spread)
