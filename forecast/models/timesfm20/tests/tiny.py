"""A tiny TimesFM 2.0 with random weights, in both formats it is published in."""

import re
from pathlib import Path
from typing import Any

import torch
from transformers import TimesFmConfig, TimesFmModelForPrediction

CONTEXT = 256


def make_model() -> Any:
    """Return the tiny model, alike each time, whose forecast depends on all of its input."""
    config = TimesFmConfig(
        context_length=CONTEXT,
        num_hidden_layers=2,
        hidden_size=32,
        intermediate_size=48,
        head_dim=8,
        num_attention_heads=4,
    )
    model = TimesFmModelForPrediction(config).eval()
    generator = torch.Generator().manual_seed(20)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            wide = parameter.shape[-1] ** -0.5
            parameter.copy_(1 + 0.2 * noise if "norm.weight" in name else noise * wide)
    return model


def write(folder: Path) -> dict[str, Any]:
    """Write the checkpoint as transformers does, and return the body that loads it."""
    make_model().save_pretrained(folder / "tiny")
    return {"source_type": "local", "local_model_path": "tiny", "context_len": 64, "horizon_len": 24}


def write_original(folder: Path) -> dict[str, Any]:
    """Write the same weights as Google published them, and return the body that loads them."""
    (folder / "original").mkdir()
    torch.save(original_tensors(), folder / "original" / "torch_model.ckpt")
    return {"source_type": "local", "local_model_path": "original", "context_len": 64, "horizon_len": 24}


def original_tensors() -> dict[str, Any]:
    """Return the tiny model's tensors under the names of the original."""
    tensors = make_model().state_dict()
    renamed = {}
    for name, tensor in tensors.items():
        old = name.replace("decoder.layers.", "stacked_transformer.layers.").removeprefix("decoder.")
        old = re.sub(r"_ff_layer\.input_layer\.", "_ff_layer.hidden_layer.0.", old)
        if "q_proj" in name:
            parts = [tensors[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            renamed[old.replace("q_proj", "qkv_proj")] = torch.cat(parts)
        elif "k_proj" not in name and "v_proj" not in name:
            renamed[old] = tensor
    return renamed
