"""The scale factor of a series, and how far the model sees with it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.core.adapter import Options, Series
from forecast.core.series.calendar import season_length
from forecast.models.flowstate91m.schemas.schema import FlowStateOptions

SEASON = 24
"""The steps of the season that the model knows at a scale factor of 1."""

_LONGEST_WINDOW = 16 * 1024
_NO_SEASON = 4
_MINUTE, _HOUR, _DAY = pd.Timedelta("1min"), pd.Timedelta("1h"), pd.Timedelta("1D")
_WEEK, _YEAR = 7 * _DAY, 365 * _DAY


@dataclass(frozen=True, slots=True)
class Timescale:
    """A checkpoint at one scale factor: it sees `window` steps and forecasts `patch` of them at once.

    What lies beyond a patch has to be in the window, as steps without a value; where the checkpoint knows
    no such steps, `masks` is False.
    """

    factor: float
    patch: int
    window: int
    masks: bool

    @property
    def max_horizon(self) -> int:
        """The longest horizon, which leaves one step of the window to the context."""
        return self.patch + (self.window - 1 if self.masks else 0)

    def masked(self, horizon: int) -> int:
        """Return how many steps of the window a horizon takes."""
        return max(0, horizon - self.patch)

    def max_context(self, horizon: int) -> int:
        """Return the longest context beside a horizon; at least 1."""
        return max(1, self.window - self.masked(horizon))


def timescale(config: Any, factor: float) -> Timescale:
    """Return what a checkpoint's configuration means at a scale factor, in the library's own rounding."""
    return Timescale(
        factor,
        patch=int(config.decoder_patch_len / factor + 1e-6),
        window=min(_LONGEST_WINDOW, int(config.context_length / factor)),
        masks=config.with_missing,
    )


def scale_factor(series: Series, options: Options) -> float:
    """Return the scale factor asked for, else that of the series' season."""
    asked = options.scale_factor if isinstance(options, FlowStateOptions) else None
    if asked is not None:
        return asked
    usual, exact = _season(series.freq)
    steps = exact if series.season_length == usual else series.season_length
    # Where there is no season the library takes that of a year of quarters.
    return SEASON / (steps if steps >= 2 else _NO_SEASON)


@lru_cache(maxsize=256)
def _season(freq: str) -> tuple[int, float]:
    """Return the gateway's season of a frequency, in steps, and the one that the model was trained with.

    The latter may end within a step: an hour for seconds, a day for minutes and hours, a week for days, a
    year for weeks and more, which is `get_fixed_factor` of the library for data with a weekly rhythm.
    """
    offset, usual = to_offset(freq), season_length(freq)
    if isinstance(offset, pd.offsets.Week):
        return usual, _YEAR / (_WEEK * offset.n)
    if not isinstance(offset, pd.offsets.Tick):
        return usual, usual
    step = pd.Timedelta(offset.nanos, unit="ns")
    cycles = ((_MINUTE, _HOUR), (_DAY, _DAY), (_WEEK / 2, _WEEK))
    return usual, next((cycle for below, cycle in cycles if step < below), _YEAR) / step
