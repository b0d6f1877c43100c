"""TimesFM 2.0's weights: in transformers' format, or the original PyTorch checkpoint converted."""

import pickle
from pathlib import Path
from typing import Any

from forecast.core.errors import CheckpointError
from forecast.core.pretrained import read_pretrained

_CONTEXT_LENGTH = 2048
_OUTPUTS_PER_STEP = 10
_LAYERS_OF_TIMESFM_1 = 20
_RENAMED = (
    ("input_ff_layer.", "decoder.input_ff_layer."),
    ("freq_emb.", "decoder.freq_emb."),
    ("stacked_transformer.layers.", "decoder.layers."),
)


def read_weights(path: Path) -> Any:
    """Return the TimesFmModelForPrediction of a folder, or of an original `.ckpt` file.

    Raises CheckpointError where these are no weights of TimesFM 2.0, or more than weights; OSError,
    KeyError, RuntimeError and the like where they are damaged.
    """
    if path.is_dir() and any(path.glob("*.safetensors")):
        from transformers import TimesFmConfig, TimesFmModelForPrediction

        return read_pretrained(path, TimesFmModelForPrediction, TimesFmConfig)
    originals = [path] if path.suffix == ".ckpt" else sorted(path.glob("*.ckpt"))
    if not originals:
        raise CheckpointError("The checkpoint has neither config.json with safetensors nor a .ckpt file.")
    return _read_original(originals[0])


def _read_original(path: Path) -> Any:
    import torch
    from transformers import TimesFmConfig, TimesFmModelForPrediction

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            "The checkpoint is refused: it holds more than tensors, or is no PyTorch checkpoint."
        ) from error
    config = TimesFmConfig(**_read_sizes(tensors))
    if config.num_hidden_layers == _LAYERS_OF_TIMESFM_1:
        raise CheckpointError("The checkpoint is TimesFM 1.0, not 2.0.")
    with torch.device("meta"):
        model = TimesFmModelForPrediction(config)
    model.load_state_dict(_rename(tensors), strict=True, assign=True)
    return model


def _read_sizes(tensors: dict[str, Any]) -> dict[str, int]:
    attention = "stacked_transformer.layers.0.self_attn."
    head_dim = tensors[attention + "scaling"].shape[0]
    intermediate, inputs = tensors["input_ff_layer.hidden_layer.0.weight"].shape
    frequencies, hidden = tensors["freq_emb.weight"].shape
    return {
        "patch_length": inputs // 2,
        "context_length": _CONTEXT_LENGTH,
        "horizon_length": tensors["horizon_ff_layer.output_layer.weight"].shape[0] // _OUTPUTS_PER_STEP,
        "freq_size": frequencies,
        "num_hidden_layers": sum(name.endswith(".self_attn.scaling") for name in tensors),
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "head_dim": head_dim,
        "num_attention_heads": tensors[attention + "qkv_proj.weight"].shape[0] // 3 // head_dim,
    }


def _rename(tensors: dict[str, Any]) -> dict[str, Any]:
    renamed: dict[str, Any] = {}
    for old, tensor in tensors.items():
        name = old.replace("hidden_layer.0.", "input_layer.")
        for before, after in _RENAMED:
            if name.startswith(before):
                name = after + name.removeprefix(before)
        if "qkv_proj" in name:
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                renamed[name.replace("qkv_proj", f"{part}_proj")] = piece
        else:
            renamed[name] = tensor
    return renamed
