"""A tiny FlowState with random weights, in the shape of r1 and of r1.1."""

from pathlib import Path
from typing import Any

from forecast.core.libraries import import_alone

CONTEXT = 2048


def make_model(**config: Any) -> Any:
    """Return a tiny model, alike each time; `config` are further fields, as those that r1.1 has."""
    import_alone("tsfm_public.models.flowstate.modeling_flowstate")
    import torch
    from transformers.utils import logging
    from tsfm_public.models.flowstate.configuration_flowstate import FlowStateConfig
    from tsfm_public.models.flowstate.modeling_flowstate import FlowStateForPrediction

    logging.set_verbosity_error()
    sizes = {
        "embedding_feature_dim": 16,
        "encoder_num_layers": 2,
        "encoder_state_dim": 16,
        "encoder_num_hippo_blocks": 2,
        "decoder_dim": 12,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        return FlowStateForPrediction(FlowStateConfig(context_length=CONTEXT, **{**sizes, **config})).eval()


def write(folder: Path) -> dict[str, Any]:
    """Write a checkpoint of r1's shape, and return the body that loads it."""
    return _write(folder, "tiny", with_missing=True)


def write_r1_1(folder: Path) -> dict[str, Any]:
    """Write a checkpoint of r1.1's shape, and return the body that loads it."""
    return _write(folder, "tiny-r1.1", with_missing=True, out_gating=True, mlp_type="transformer")


def write_without_masks(folder: Path) -> dict[str, Any]:
    """Write a checkpoint that knows no missing steps, and return the body that loads it."""
    return _write(folder, "tiny-unmasked", with_missing=False)


def _write(folder: Path, name: str, **config: Any) -> dict[str, Any]:
    make_model(**config).save_pretrained(folder / name)
    return {"source_type": "local", "local_model_path": name, "context_len": 64, "horizon_len": 24}
