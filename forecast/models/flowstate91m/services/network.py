"""One pass through FlowState's network, for series that share length, scale factor and horizon."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from forecast.core.adapter import Floats
from forecast.models.flowstate91m.services.encoder import Encoder
from forecast.models.flowstate91m.services.timescale import Timescale


def run_network(model: Any, encoder: Encoder, contexts: Floats, horizon: int, scale: Timescale) -> Floats:
    """Return the network's quantiles, shape (series, quantiles, horizon); they may cross.

    `contexts` has shape (series, steps), NaN where a step has no value; `encoder` is the model's at `scale`.
    These are the numbers of FlowStateForPrediction, whose `forward` discretizes one and the same kernel for
    every series, decodes a patch at each masked step to join a few of them, and for some horizons and scale
    factors returns too few steps.
    """
    torch, network, masked = encoder.torch, model.model, scale.masked(horizon)
    with torch.inference_mode():
        past = torch.from_numpy(contexts.astype(np.float32)).to(model.device)
        inputs = network.norm(_inputs(torch, past, masked, masks=scale.masks), "norm").transpose(0, 1)
        # Patch after patch, the last one from the last step, whatever is left for it.
        rest = masked % scale.patch
        places = [*range(0, masked + 1, scale.patch), *([masked] if rest else [])]
        found = encoder.encode(inputs, [past.shape[1] - 1 + place for place in places])
        state = SimpleNamespace(last_hidden_state=found)
        decoded = network.decoder(state, min(scale.patch, horizon), scale.factor)
        patches = list(decoded.last_hidden_state[..., 0])
        if rest:
            patches[-1] = patches[-1][..., -rest:]
        mean, spread = network.norm.mean[:, -1, None], network.norm.stdev[:, -1, None]
        values: Floats = (torch.cat(patches, -1) * spread + mean).cpu().numpy().astype(np.float64)
    return values


def _inputs(torch: Any, past: Any, masked: int, *, masks: bool) -> Any:
    """Return each step's value, and for a network with masks whether it has none: (series, steps, 1 or 2)."""
    if not masks:
        return past[..., None]
    ahead = past.new_full((len(past), masked), float("nan"))
    whole = torch.cat([past, ahead], dim=1)
    return torch.stack([whole.nan_to_num(0.0), whole.isnan().to(whole.dtype)], dim=-1)
