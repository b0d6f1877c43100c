"""The unit in which a series is handed to the network."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.core.adapter import Floats

# Outside these the network's tolerance of 0.003, or its squares in float32, would spoil the numbers.
_ORDINARY = (1e-2, 1e12)


@dataclass(frozen=True, slots=True)
class Unit:
    """An offset, and the size that one unit has; a constant series has nothing but its offset."""

    offset: float
    size: float
    constant: bool

    def reduce(self, values: Floats) -> Floats:
        """Return values of the series in this unit."""
        return (values - self.offset) / self.size

    def restore(self, values: Any) -> Any:
        """Return values in this unit as values of the series."""
        return values * (0.0 if self.constant else self.size) + self.offset


def measure(target: Floats) -> Unit:
    """Return the unit of a series, one of its own size where that is not ordinary.

    The network is blind to both. The offset is a median that is one of the values, so a constant series is
    exactly zero, and a far outlier costs the others no digits. Gaps do not count.
    """
    known = np.sort(target[np.isfinite(target)])
    offset = float(known[len(known) // 2])
    reach = max(float(known[-1]) - offset, offset - float(known[0]))
    usual = reach == 0 or _ORDINARY[0] < reach < _ORDINARY[1]
    return Unit(offset, 1.0 if usual else reach, reach == 0)
