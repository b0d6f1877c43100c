"""Tiny Chronos checkpoints with random weights, one of each family, as the library saves them."""

from pathlib import Path
from typing import Any

import torch
from chronos.chronos2 import Chronos2Model
from chronos.chronos2.config import Chronos2CoreConfig
from chronos.chronos_bolt import ChronosBoltModelForForecasting
from transformers import T5Config, T5ForConditionalGeneration

CONTEXT = 128
LEVELS = [0.01, *(step / 20 for step in range(1, 20)), 0.99]
_SIZES: dict[str, Any] = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "dropout_rate": 0.0,
}
_BODY = {"source_type": "local", "context_len": 64, "horizon_len": 24}


def write(folder: Path) -> dict[str, Any]:
    """Write a Chronos-2 that forecasts 32 steps at once, and return the body that loads it."""
    forecasting = {
        "context_length": CONTEXT,
        "input_patch_size": 8,
        "input_patch_stride": 8,
        "output_patch_size": 8,
        "max_output_patches": 4,
        "quantiles": LEVELS,
        "use_reg_token": True,
        "use_arcsinh": True,
    }
    config = Chronos2CoreConfig(
        **_SIZES, chronos_config=forecasting, chronos_pipeline_class="Chronos2Pipeline"
    )
    return _save(Chronos2Model(config), folder, "tiny")


def write_bolt(folder: Path) -> dict[str, Any]:
    """Write a Chronos-Bolt that forecasts 16 steps at once, and return the body that loads it."""
    forecasting = {
        "context_length": CONTEXT,
        "input_patch_size": 8,
        "input_patch_stride": 8,
        "prediction_length": 16,
        "quantiles": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "use_reg_token": True,
    }
    config = _t5_config(forecasting, 2, chronos_pipeline_class="ChronosBoltPipeline")
    return _save(ChronosBoltModelForForecasting(config), folder, "bolt")


def write_t5(folder: Path) -> dict[str, Any]:
    """Write a Chronos-T5 that forecasts 16 steps at once, and return the body that loads it."""
    forecasting = {
        "tokenizer_class": "MeanScaleUniformBins",
        "tokenizer_kwargs": {"low_limit": -15.0, "high_limit": 15.0},
        "context_length": CONTEXT,
        "prediction_length": 16,
        "n_tokens": 256,
        "n_special_tokens": 2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "use_eos_token": True,
        "model_type": "seq2seq",
        "num_samples": 20,
        "temperature": 1.0,
        "top_k": 50,
        "top_p": 1.0,
    }
    return _save(T5ForConditionalGeneration(_t5_config(forecasting, 256)), folder, "t5")


def _t5_config(forecasting: dict[str, Any], tokens: int, **more: Any) -> Any:
    return T5Config(
        **_SIZES,
        vocab_size=tokens,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
        chronos_config=forecasting,
        **more,
    )


def _save(model: Any, folder: Path, name: str) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            wide = parameter.shape[-1] ** -0.5
            # The hyperbolic sine behind Chronos-2's output would blow wide weights up.
            wide *= 0.3 if key.startswith("output_patch_embedding") else 1
            parameter.copy_(1 + 0.2 * noise if "norm.weight" in key else noise * wide)
    model.save_pretrained(folder / name)
    return {**_BODY, "local_model_path": name}


FAMILIES = {"Chronos-Bolt": write_bolt, "Chronos-T5": write_t5}
"""The families of checkpoints beside the one that `write` makes."""
