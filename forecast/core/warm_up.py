"""The series that a model forecasts before anybody asks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.core.adapter import DECILES, Adapter, Capabilities, ModelConfig, Series, Task


def warm_up_task(adapter: Adapter[Any], loaded: Any, config: ModelConfig, limits: Capabilities) -> Task:
    """Return a daily wave of the configured context and horizon, at the model's own levels.

    The horizon is shorter where the model cannot forecast days so far, though perhaps hours.
    """
    length = max(limits.min_context, min(config.context_len or 64, 512))
    index = pd.date_range("2024-01-01", periods=length + config.horizon_len, freq="D")
    options = adapter.options_type()
    series = Series(
        unique_id="warm-up",
        index=index[:length],
        target=10 + np.sin(np.arange(length) * 2 * np.pi / 7),
        future_index=index[length:],
        freq="D",
        season_length=7,
    )
    farthest = adapter.series_limits(loaded, series, options).max_horizon or config.horizon_len
    horizon = min(config.horizon_len, farthest)
    series = replace(series, future_index=series.future_index[:horizon])
    return Task(series, horizon, limits.native_levels or DECILES, options)
