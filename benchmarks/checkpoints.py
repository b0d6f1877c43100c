"""Checkpoints of the published shapes with random weights, in the formats their libraries write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

_DECILES = [level / 10 for level in range(1, 10)]
_SEED = 20
_PLAIN = ("timesfm25",)
"""Those whose library reads a file of tensors and nothing else."""


def write_checkpoint(name: str, folder: Path) -> Path:
    """Return the folder of a checkpoint under `folder`, written unless it is there already."""
    place = folder / name
    if not place.exists():
        import torch
        from safetensors.torch import save_file
        from transformers.utils import logging

        logging.disable_progress_bar()
        torch.manual_seed(_SEED)
        made = _MAKERS[name]()
        if name in _PLAIN:
            place.mkdir(parents=True)
            save_file(made.state_dict(), place / "model.safetensors")
        else:
            made.save_pretrained(place)
    return place


def _timesfm20() -> Any:
    from transformers import TimesFmConfig, TimesFmModelForPrediction

    # The configuration's defaults are the published 500M.
    return TimesFmModelForPrediction(TimesFmConfig())


def _timesfm25() -> Any:
    from timesfm.timesfm_2p5.timesfm_2p5_torch import TimesFM_2p5_200M_torch_module

    # The original library has no configuration: the published 200M is all there is.
    return TimesFM_2p5_200M_torch_module()


def _chronos2() -> Any:
    from chronos.chronos2.config import Chronos2CoreConfig
    from chronos.chronos2.model import Chronos2Model

    forecasting = {
        "context_length": 8192,
        "input_patch_size": 16,
        "input_patch_stride": 16,
        "output_patch_size": 16,
        "max_output_patches": 64,
        "quantiles": [0.01, *(level / 20 for level in range(1, 20)), 0.99],
        "time_encoding_scale": 8192,
        "use_arcsinh": True,
        "use_reg_token": True,
    }
    sizes = {"d_model": 768, "d_kv": 64, "d_ff": 3072, "num_layers": 12, "num_heads": 12}
    config = Chronos2CoreConfig(
        **sizes, chronos_config=forecasting, chronos_pipeline_class="Chronos2Pipeline"
    )
    return Chronos2Model(config)


def _bolt_tiny() -> Any:
    return _bolt(d_model=256, d_ff=1024, num_layers=4, num_decoder_layers=4, num_heads=4)


def _bolt_small() -> Any:
    return _bolt(d_model=512, d_ff=2048, num_layers=6, num_decoder_layers=6, num_heads=8)


def _bolt(**sizes: int) -> Any:
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    forecasting = {
        "context_length": 2048,
        "input_patch_size": 16,
        "input_patch_stride": 16,
        "prediction_length": 64,
        "quantiles": _DECILES,
        "use_reg_token": True,
    }
    config = T5Config(
        **sizes,
        d_kv=64,
        pad_token_id=0,
        decoder_start_token_id=0,
        chronos_config=forecasting,
        chronos_pipeline_class="ChronosBoltPipeline",
    )
    return ChronosBoltModelForForecasting(config)


def _flowstate() -> Any:
    from forecast.core.libraries import import_alone

    import_alone("tsfm_public.models.flowstate.modeling_flowstate")
    from tsfm_public.models.flowstate.configuration_flowstate import FlowStateConfig
    from tsfm_public.models.flowstate.modeling_flowstate import FlowStateForPrediction

    # The configuration's defaults are the published 9.1M.
    return FlowStateForPrediction(FlowStateConfig())


_MAKERS: dict[str, Callable[[], Any]] = {
    "timesfm20": _timesfm20,
    "timesfm25": _timesfm25,
    "chronos-2": _chronos2,
    "bolt-tiny": _bolt_tiny,
    "bolt-small": _bolt_small,
    "flowstate-r1": _flowstate,
}
