"""The libraries called directly, as their own documentation does it, at a batch size of one's choice."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from forecast.core.adapter import DECILES, Floats

Direct = Callable[[Sequence[Floats], int], Any]
"""Forecasts the series of one batch, of equal length, to a horizon: mean and deciles."""

_PATCH = 32
_FLAGS = (
    "normalize_inputs",
    "use_continuous_quantile_head",
    "force_flip_invariance",
    "infer_is_positive",
    "fix_quantile_crossing",
)
"""TimesFM 2.5's options that its documentation turns on."""


def open_library(name: str, place: Path) -> Direct:
    """Return the library's own call on a checkpoint, in float32."""
    return {"timesfm20": _timesfm20, "timesfm25": _timesfm25}.get(name, _chronos)(place)


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


def _timesfm25(place: Path) -> Direct:
    from timesfm import ForecastConfig, TimesFM_2p5_200M_torch

    model = TimesFM_2p5_200M_torch.from_pretrained(str(place), torch_compile=False)
    compiled: tuple[int, int, int] | None = None

    def forecast(contexts: Sequence[Floats], horizon: int) -> Any:
        nonlocal compiled
        shape = (len(contexts), max(map(len, contexts)), horizon)
        if shape != compiled:
            size, longest, _ = compiled = shape
            flags = dict.fromkeys(_FLAGS, True)
            model.compile(
                ForecastConfig(max_context=longest, max_horizon=horizon, per_core_batch_size=size, **flags)
            )
        return model.forecast(horizon=horizon, inputs=[context.astype("float32") for context in contexts])

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
