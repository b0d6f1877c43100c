"""FlowState's weights: a folder of config.json and safetensors."""

import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

from forecast.core.errors import CheckpointError
from forecast.core.pretrained import read_pretrained


def read_weights(path: Path) -> Any:
    """Return the FlowStateForPrediction of a folder.

    Raises CheckpointError where it holds no FlowState that can be used; OSError, KeyError, RuntimeError and
    the like where its files are damaged.
    """
    if not any(path.glob("*.safetensors")):
        raise CheckpointError("The checkpoint is no folder with config.json and safetensors.")
    from transformers.utils import logging as transformers_logging
    from tsfm_public.models.flowstate.configuration_flowstate import FlowStateConfig
    from tsfm_public.models.flowstate.modeling_flowstate import FlowStateForPrediction

    # Both speak of names of fields that the published checkpoints, or the library itself, still use.
    transformers_logging.set_verbosity_error()
    logging.getLogger("tsfm_public").setLevel(logging.ERROR)
    model = read_pretrained(path, FlowStateForPrediction, FlowStateConfig)
    levels = model.config.quantiles
    if not (levels[0] > 0 and levels[-1] < 1 and all(low < high for low, high in pairwise(levels))):
        raise CheckpointError(f"The checkpoint's quantile levels {levels} do not ascend between 0 and 1.")
    return model
