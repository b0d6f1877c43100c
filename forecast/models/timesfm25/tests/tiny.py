"""A tiny TimesFM 2.5 with random weights, in both formats it is published in."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from timesfm.timesfm_2p5.timesfm_2p5_torch import TimesFM_2p5_200M_torch_module
from transformers import TimesFm2_5Config, TimesFm2_5ModelForPrediction

WIDTH, HEADS, LAYERS = 32, 4, 2


class TinyModule(TimesFM_2p5_200M_torch_module):  # type: ignore[misc]
    """The library's module in a small size."""

    _published = TimesFM_2p5_200M_torch_module.config
    _stack = _published.stacked_transformers
    config = replace(
        _published,
        tokenizer=replace(_published.tokenizer, hidden_dims=WIDTH, output_dims=WIDTH),
        stacked_transformers=replace(
            _stack,
            num_layers=LAYERS,
            transformer=replace(_stack.transformer, model_dims=WIDTH, hidden_dims=48, num_heads=HEADS),
        ),
        output_projection_point=replace(
            _published.output_projection_point, input_dims=WIDTH, hidden_dims=WIDTH
        ),
        output_projection_quantiles=replace(
            _published.output_projection_quantiles, input_dims=WIDTH, hidden_dims=WIDTH
        ),
    )


def make_module() -> Any:
    """Return the tiny module, alike each time, whose forecast depends on all of its input."""
    module = TinyModule().eval()
    generator = torch.Generator().manual_seed(25)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            # Forecasts that stay near their context: wild ones multiply float32's rounding pass by pass.
            wide = parameter.shape[-1] ** -0.5 * (0.2 if name.startswith("output_") else 1.0)
            parameter.copy_(1 + 0.2 * noise if name.endswith("ln.scale") else noise * wide)
    return module


def write(folder: Path) -> dict[str, Any]:
    """Write the checkpoint as the library does, and return the body that loads it."""
    (folder / "tiny").mkdir()
    save_file(make_module().state_dict(), folder / "tiny" / "model.safetensors")
    return {"source_type": "local", "local_model_path": "tiny", "context_len": 64, "horizon_len": 24}


def write_transformers(folder: Path) -> dict[str, Any]:
    """Write the same weights as transformers does, and return the body that loads them."""
    make_transformers().save_pretrained(folder / "transformers")
    return {"source_type": "local", "local_model_path": "transformers", "context_len": 64, "horizon_len": 24}


def make_transformers() -> Any:
    """Return transformers' model with the weights of the tiny module."""
    config = TimesFm2_5Config(
        hidden_size=WIDTH,
        intermediate_size=48,
        head_dim=WIDTH // HEADS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        num_hidden_layers=LAYERS,
    )
    model = TimesFm2_5ModelForPrediction(config).eval()
    tensors = make_module().state_dict()
    for layer in range(LAYERS):
        parts = tensors.pop(f"stacked_xf.{layer}.attn.qkv_proj.weight").chunk(3)
        for part, tensor in zip("qkv", parts, strict=True):
            tensors[f"stacked_xf.{layer}.self_attn.{part}_proj.weight"] = tensor
    names = {_rename(name): tensor.contiguous() for name, tensor in tensors.items()}
    model.load_state_dict(names, strict=True)
    return model


def _rename(name: str) -> str:
    for new, old in (
        ("model.input_ff_layer.", "tokenizer."),
        (".input_layer.", ".hidden_layer."),
        ("model.layers.", "stacked_xf."),
        (".self_attn.scaling", ".attn.per_dim_scale.per_dim_scale"),
        (".self_attn.q_norm.weight", ".attn.query_ln.scale"),
        (".self_attn.k_norm.weight", ".attn.key_ln.scale"),
        (".self_attn.o_proj.", ".attn.out."),
        (".mlp.fc1.", ".ff0."),
        (".mlp.fc2.", ".ff1."),
        (".input_layernorm.weight", ".pre_attn_ln.scale"),
        (".post_attention_layernorm.weight", ".post_attn_ln.scale"),
        (".pre_feedforward_layernorm.weight", ".pre_ff_ln.scale"),
        (".post_feedforward_layernorm.weight", ".post_ff_ln.scale"),
    ):
        name = name.replace(old, new)
    return name
