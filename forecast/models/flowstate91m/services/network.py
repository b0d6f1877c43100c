"""One pass through FlowState's network, for series that share length, scale factor and horizon."""

from typing import Any

import numpy as np

from forecast.core.adapter import Floats
from forecast.models.flowstate91m.services.timescale import Timescale

# A step of one series takes 16 kB of complex state, several times over; more at once gain nothing.
_STEPS_PER_PASS = 8192


def run_network(torch: Any, model: Any, contexts: Floats, horizon: int, scale: Timescale) -> Floats:
    """Return the network's quantiles, shape (series, quantiles, horizon); they may cross.

    `contexts` has shape (series, steps), at least two steps, NaN where a step has no value.
    """
    steps = contexts.shape[1] + scale.masked(horizon)
    rows = max(1, _STEPS_PER_PASS // steps)
    parts = [
        _run(torch, model, contexts[first : first + rows], horizon, scale)
        for first in range(0, len(contexts), rows)
    ]
    return np.concatenate(parts)


def _run(torch: Any, model: Any, contexts: Floats, horizon: int, scale: Timescale) -> Floats:
    """Return what FlowStateForPrediction computes, from its own layers.

    Its `forward` discretizes one and the same kernel for every series, decodes a patch at each masked step
    to join a few of them, and for some horizons and scale factors returns too few steps.
    """
    network, device = model.model, model.device
    masked = scale.masked(horizon)
    with torch.inference_mode():
        past = torch.from_numpy(contexts.astype(np.float32)).to(device)
        inputs = network.norm(_inputs(torch, past, masked, masks=scale.masks), "norm").transpose(0, 1)
        network.config.min_context = past.shape[1] if masked else 0  # What the last layer begins at.
        state = network.encoder(network.embed(inputs), torch.tensor([scale.factor], device=device))
        # Patch after patch, the last one from the last step, whatever is left for it.
        rest = masked % scale.patch
        places = [*range(0, masked + 1, scale.patch), *([masked] if rest else [])]
        state.last_hidden_state = state.last_hidden_state[places]
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
