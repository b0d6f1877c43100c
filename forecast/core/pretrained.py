"""Checkpoints in the format of transformers: a folder of config.json and safetensors."""

from pathlib import Path
from typing import Any

from forecast.core.errors import CheckpointError


def read_pretrained(folder: Path, model_type: Any, config_type: Any) -> Any:
    """Return the model of a folder, of the classes given, its tensors all read from the files.

    Raises CheckpointError where the folder holds another model or lacks tensors, which the library would
    fill at random; OSError, KeyError, RuntimeError and the like where its files are damaged.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    kind = config_type.get_config_dict(folder)[0].get("model_type", "unknown")
    if kind != config_type.model_type:
        raise CheckpointError(f"The checkpoint's model type is '{kind}', not '{config_type.model_type}'.")
    model, report = model_type.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    if report["missing_keys"]:
        raise CheckpointError(f"The checkpoint lacks {len(report['missing_keys'])} of the model's tensors.")
    return model
