"""The libraries called directly, as their own documentation does it, at a batch size of one's choice."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from forecast.core.adapter import DECILES, Floats

Direct = Callable[[Sequence[Floats], int], Any]
"""Forecasts the series of one batch, of equal length, to a horizon: mean and deciles."""

_PATCH = 32


def open_library(name: str, place: Path) -> Direct:
    """Return the library's own call on a checkpoint, in float32."""
    return _timesfm20(place) if name == "timesfm20" else _chronos(place)


def _timesfm20(place: Path) -> Direct:
    import torch
    from transformers import TimesFmModelForPrediction
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = TimesFmModelForPrediction.from_pretrained(place, dtype=torch.float32).eval()

    def forecast(contexts: Sequence[Floats], horizon: int) -> Any:
        longest = -(-max(map(len, contexts)) // _PATCH) * _PATCH
        past = [torch.tensor(context, dtype=torch.float32) for context in contexts]
        with torch.inference_mode():
            output = model(past_values=past, freq=[0] * len(past), forecast_context_len=longest)
        return output.full_predictions[:, :horizon].numpy()

    return forecast


def _chronos(place: Path) -> Direct:
    import torch
    from chronos import BaseChronosPipeline
    from transformers.utils import logging

    logging.disable_progress_bar()
    pipeline = BaseChronosPipeline.from_pretrained(place, device_map="cpu", dtype=torch.float32)

    def forecast(contexts: Sequence[Floats], horizon: int) -> Any:
        past = [torch.tensor(context, dtype=torch.float32) for context in contexts]
        return pipeline.predict_quantiles(past, prediction_length=horizon, quantile_levels=list(DECILES))

    return forecast
