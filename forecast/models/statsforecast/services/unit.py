"""The unit in which a series is fitted."""

import numpy as np

from forecast.core.adapter import Floats

_ORDINARY = (1e-3, 1e7)


def ordinary_unit(values: Floats) -> float:
    """Return 1 for values of ordinary range, else the range, by which they are to be divided.

    The optimizers of AutoARIMA and of the Theta methods stop at absolute tolerances: at 1e-9 or 1e9 they
    find other forecasts than at 1. Ordinary series are left as they are, so that the numbers are those of
    the library called directly.
    """
    spread = float(np.ptp(values))
    return 1.0 if spread == 0 or _ORDINARY[0] <= spread <= _ORDINARY[1] else spread
