"""Chronos' weights: which family a folder holds, and the library's pipeline over them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast, get_args

from forecast.core.adapter import DECILES
from forecast.core.errors import CheckpointError

Family = Literal["Chronos2Pipeline", "ChronosBoltPipeline", "ChronosPipeline"]
_NAMES: dict[str, str] = {
    "Chronos2Pipeline": "Chronos-2",
    "ChronosBoltPipeline": "Chronos-Bolt",
    "ChronosPipeline": "Chronos-T5",
}
_ARCHITECTURES: dict[Any, str] = {
    "Chronos2Pipeline": "Chronos2Model",
    "ChronosBoltPipeline": "ChronosBoltModelForForecasting",
    "ChronosPipeline": "T5ForConditionalGeneration",
}


def read_pipeline(path: Path) -> Any:
    """Return the pipeline of the library for a folder of config.json and safetensors, in float32.

    Raises CheckpointError where the folder holds no complete Chronos; OSError, ValueError, RuntimeError and
    the like where its files are damaged.
    """
    family = _read_family(path)
    import torch
    from chronos import BaseChronosPipeline

    _silence()
    pipeline = BaseChronosPipeline.from_pretrained(
        str(path), dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    _require_all_tensors(pipeline.inner_model, path)
    # The library unrolls Chronos-2 along its deciles, and takes Bolt's median for its mean.
    needed = {"Chronos2Pipeline": DECILES, "ChronosBoltPipeline": (0.5,)}.get(family, ())
    if not set(needed) <= set(getattr(pipeline, "quantiles", ())):
        raise CheckpointError(f"The checkpoint forecasts no quantiles at {', '.join(map(str, needed))}.")
    return pipeline


def family_of(pipeline: Any) -> str:
    """Return the family of a pipeline: Chronos-2, Chronos-Bolt or Chronos-T5."""
    return _NAMES[type(pipeline).__name__]


def _read_family(path: Path) -> Family:
    """Return the family that config.json names.

    The library looks the class up by whatever name stands there, and tensors that its class lacks are
    filled at random, so every name is checked here.
    """
    if not (path / "config.json").is_file():
        raise CheckpointError("The checkpoint is no folder with config.json and safetensors.")
    if (path / "adapter_config.json").exists():
        raise CheckpointError("The checkpoint is a LoRA adapter; merge it into its base model first.")
    if not any(path.glob("*.safetensors")):
        raise CheckpointError("The checkpoint has no safetensors; weights in other formats are not read.")
    config = json.loads((path / "config.json").read_text("utf-8"))
    if not isinstance(config, dict) or not isinstance(config.get("chronos_config"), dict):
        raise CheckpointError("The checkpoint is no Chronos: its config.json has no 'chronos_config'.")
    family = config.get("chronos_pipeline_class", "ChronosPipeline")
    if family not in get_args(Family):
        raise CheckpointError(f"The checkpoint's pipeline '{family}' is not Chronos-2, Bolt or T5.")
    found = (config.get("model_type"), config.get("architectures"))
    if found != ("t5", [_ARCHITECTURES[family]]):
        raise CheckpointError(f"The checkpoint's architecture {found[1]} is not {_ARCHITECTURES[family]}.")
    return cast(Family, family)


def _require_all_tensors(model: Any, path: Path) -> None:
    stored = set(_stored_names(path))
    tied: dict[int, set[str]] = {}
    for name, tensor in model.state_dict().items():
        tied.setdefault(tensor.data_ptr(), set()).add(name)
    lacking = [names for names in tied.values() if not names & stored]
    if lacking:
        raise CheckpointError(f"The checkpoint lacks {len(lacking)} of the model's tensors.")


def _stored_names(path: Path) -> Iterator[str]:
    from safetensors import safe_open

    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            yield from tensors.keys()


def _silence() -> None:
    # Progress bars, load reports and advice on horizons, which the adapter gives as warnings of its own.
    from chronos import chronos as t5
    from chronos import chronos_bolt
    from chronos.chronos2 import pipeline as chronos2
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    for module in (t5, chronos_bolt, chronos2):
        module.logger.setLevel(logging.ERROR)
