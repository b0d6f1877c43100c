"""Series, tasks and comparisons for the tests of pretrained models."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import (
    DECILES,
    Covariate,
    Floats,
    Forecast,
    ModelConfig,
    Options,
    Series,
    Task,
)

CLOSE = 1e-5


@contextmanager
def one_thread_offline() -> Iterator[None]:
    """Keep tiny models from waiting for their threads, and everybody from asking the Hub."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield
    torch.set_num_threads(threads)


def configure(folder: Path, path: str) -> ModelConfig:
    return ModelConfig(
        context_len=64, horizon_len=24, source_type="local", local_model_path=path, local_dir=folder
    )


def make_task(
    target: Any,
    horizon: int = 24,
    freq: str = "D",
    *,
    season_length: int = 7,
    covariates: tuple[Covariate, ...] = (),
    levels: tuple[float, ...] = DECILES,
    options: Options | None = None,
    **changes: Any,
) -> Task:
    values = np.asarray(target, dtype=np.float64)
    # Days, whatever is said of them: an index of years would leave the calendar.
    index = pd.date_range("2000-01-01", periods=len(values) + horizon, freq="D")
    past, future = index[: len(values)], index[len(values) :]
    series = Series("s", past, values, future, freq, season_length, covariates)
    return Task(series, horizon, levels, options or Options(), **changes)


def walk(length: int, seed: int = 0, level: float = 40.0, season_length: int = 7) -> Floats:
    rng = np.random.default_rng(seed)
    season = 5 * np.sin(np.arange(length) * 2 * np.pi / season_length)
    walked: Floats = level + season + rng.normal(size=length).cumsum()
    return walked


def assert_alike(found: Forecast, mean: Any, quantiles: Any, target: Floats, close: float = CLOSE) -> None:
    """Compare to a share of the target's spread, or where it has none of its size."""
    near = close * max(float(np.nanstd(target)) or float(np.nanmax(np.abs(target))), 1e-300)
    assert found.mean == pytest.approx(np.asarray(mean, dtype=np.float64), abs=near)
    assert found.quantiles == pytest.approx(np.asarray(quantiles, dtype=np.float64), abs=near)
