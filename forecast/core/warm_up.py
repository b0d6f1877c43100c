"""The series that a model forecasts before anybody asks."""

from typing import Any

import numpy as np
import pandas as pd

from forecast.core.adapter import DECILES, Adapter, Capabilities, ModelConfig, Series, Task


def warm_up_task(adapter: Adapter[Any], config: ModelConfig, limits: Capabilities) -> Task:
    """Return a daily wave of the configured context and horizon, at the model's own levels."""
    length = max(limits.min_context, min(config.context_len or 64, 512))
    index = pd.date_range("2024-01-01", periods=length + config.horizon_len, freq="D")
    series = Series(
        unique_id="warm-up",
        index=index[:length],
        target=10 + np.sin(np.arange(length) * 2 * np.pi / 7),
        future_index=index[length:],
        freq="D",
        season_length=7,
    )
    levels = limits.native_levels or DECILES
    return Task(series, config.horizon_len, levels, adapter.options_type())
