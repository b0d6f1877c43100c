"""TimesFM 2.5's weights: as Google published them, or in the format of transformers."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from forecast.core.errors import CheckpointError

_OUTPUTS_PER_STEP = 10
_TRANSFORMERS = "timesfm2_5"
_RENAMED = (
    (r"^model\.input_ff_layer\.", "tokenizer."),
    (r"\.input_layer\.", ".hidden_layer."),
    (r"^model\.layers\.", "stacked_xf."),
    (r"\.self_attn\.scaling$", ".attn.per_dim_scale.per_dim_scale"),
    (r"\.self_attn\.q_norm\.weight$", ".attn.query_ln.scale"),
    (r"\.self_attn\.k_norm\.weight$", ".attn.key_ln.scale"),
    (r"\.self_attn\.o_proj\.", ".attn.out."),
    (r"\.mlp\.(?:ff0|fc1)\.", ".ff0."),
    (r"\.mlp\.(?:ff1|fc2)\.", ".ff1."),
    (r"\.input_layernorm\.weight$", ".pre_attn_ln.scale"),
    (r"\.post_attention_layernorm\.weight$", ".post_attn_ln.scale"),
    (r"\.pre_feedforward_layernorm\.weight$", ".pre_ff_ln.scale"),
    (r"\.post_feedforward_layernorm\.weight$", ".post_ff_ln.scale"),
)


def read_weights(path: Path) -> Any:
    """Return the library's model for a folder of safetensors, or for one such file; not yet compiled.

    Raises CheckpointError where these are no weights of TimesFM 2.5; OSError, KeyError, RuntimeError and
    the like where they are damaged.
    """
    files = [path] if path.suffix == ".safetensors" else sorted(path.glob("*.safetensors"))
    if not files:
        raise CheckpointError("The checkpoint has no safetensors.")
    tensors = _read_tensors(files)
    kind = _read_kind(files[0].parent / "config.json")
    if kind == _TRANSFORMERS:
        tensors = _rename(tensors)
    if kind not in (None, _TRANSFORMERS) or "stacked_xf.0.attn.qkv_proj.weight" not in tensors:
        raise CheckpointError(f"The checkpoint is not TimesFM 2.5: its model type is '{kind}'.")
    return _build(tensors)


def _read_kind(path: Path) -> str | None:
    config = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return config.get("model_type") if isinstance(config, dict) else None


def _read_tensors(files: list[Path]) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: tensor for file in files for name, tensor in load_file(file).items()}


def _rename(tensors: dict[str, Any]) -> dict[str, Any]:
    import torch

    renamed: dict[str, Any] = {}
    for old, tensor in tensors.items():
        name = old
        for pattern, new in _RENAMED:
            name = re.sub(pattern, new, name)
        if name.endswith("self_attn.q_proj.weight"):
            parts = [tensors[old.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            renamed[name.replace("self_attn.q_proj", "attn.qkv_proj")] = torch.cat(parts)
        elif not name.endswith(("k_proj.weight", "v_proj.weight")):
            renamed[name] = tensor
    return renamed


def _build(tensors: dict[str, Any]) -> Any:
    import torch
    from timesfm.timesfm_2p5 import timesfm_2p5_torch as library

    # The library takes the sizes from the class; those of this checkpoint need a class of their own.
    kind = library.TimesFM_2p5_200M_torch_module
    sized = type("SizedModule", (kind,), {"config": _read_sizes(kind.config, tensors)})
    with torch.device("meta"):
        module = sized()
    module.load_state_dict(tensors, strict=True, assign=True)
    # Its constructor would make another module, of the published sizes, at random.
    model = object.__new__(library.TimesFM_2p5_200M_torch)
    model.model = module.to(torch.float32).eval().requires_grad_(False)
    return model


def _read_sizes(published: Any, tensors: dict[str, Any]) -> Any:
    """Return the published definition with the sizes of these tensors."""
    blocks = {
        name: _read_block(getattr(published, name), tensors, name)
        for name in ("tokenizer", "output_projection_point", "output_projection_quantiles")
    }
    stack, width = published.stacked_transformers, blocks["tokenizer"].output_dims
    transformer = replace(
        stack.transformer,
        model_dims=width,
        hidden_dims=tensors["stacked_xf.0.ff0.weight"].shape[0],
        num_heads=width // tensors["stacked_xf.0.attn.query_ln.scale"].shape[0],
    )
    layers = sum(name.endswith(".attn.qkv_proj.weight") for name in tensors)
    return replace(
        published,
        **blocks,
        input_patch_len=blocks["tokenizer"].input_dims // 2,
        output_patch_len=blocks["output_projection_point"].output_dims // _OUTPUTS_PER_STEP,
        output_quantile_len=blocks["output_projection_quantiles"].output_dims // _OUTPUTS_PER_STEP,
        stacked_transformers=replace(stack, num_layers=layers, transformer=transformer),
    )


def _read_block(published: Any, tensors: dict[str, Any], name: str) -> Any:
    hidden, inputs = tensors[f"{name}.hidden_layer.weight"].shape
    outputs = tensors[f"{name}.output_layer.weight"].shape[0]
    return replace(published, input_dims=inputs, hidden_dims=hidden, output_dims=outputs)
