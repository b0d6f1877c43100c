"""FlowState's encoder at one scale factor, which computes some steps of all layers at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forecast.models.flowstate91m.services.recurrence import Recurrence, discretize

# On a CPU what a layer makes of so many rows stays in its caches; a GPU wants many at once.
_ROWS, _ROWS_ON_GPU = 2048, 32_768


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """The library's layers, each with its recurrence at one scale factor.

    `embedding` has shape (inputs + 1, features), the last row of which is for an input that is always 1.
    """

    torch: Any
    layers: Sequence[tuple[Any, Recurrence]]
    embedding: Any
    rows: int

    def encode(self, inputs: Any, places: Sequence[int]) -> Any:
        """Return the features after the steps at `places`, which ascend: shape (places, series, features).

        `inputs` has shape (steps, series, inputs). The memory that is taken does not grow with the steps.
        """
        torch, series = self.torch, inputs.shape[1]
        starts = (own.powers[0] for _, own in self.layers)
        states = [torch.zeros_like(start).repeat(series, 1) for start in starts]
        run, found = max(1, self.rows // series), []
        for first in range(0, len(inputs), run):
            given = inputs[first : first + run]
            given = torch.cat([given, torch.ones_like(given[..., :1])], dim=-1)
            ends = [place - first for place in places if first <= place < first + run]
            found.append(self._advance(given, states, ends))
        return torch.cat(found)

    def _advance(self, given: Any, states: Sequence[Any], ends: list[int]) -> Any:
        """Return the features after the steps at `ends`, and leave the last states in `states`."""
        features = given @ self.embedding
        for (layer, recurrence), state in zip(self.layers[:-1], states, strict=False):
            made = recurrence.states(self.torch, given, state)
            given = features = self._apply(layer, recurrence, made, features)
        layer, recurrence = self.layers[-1]
        made = recurrence.states(self.torch, given, states[-1])
        return self._apply(layer, recurrence, made[ends], features[ends])

    def _apply(self, layer: Any, recurrence: Recurrence, states: Any, features: Any) -> Any:
        """Return what a layer makes of its states and its input."""
        torch, block = self.torch, layer.ssm
        read = recurrence.read(torch, states)
        if block.output_gating:
            read = read.mul_(block.output_gate(read).sigmoid_())
        read.addcmul_(features, block.D)
        if layer.config.mlp_type == "transformer":
            read = layer.mlp(read)
        else:
            torch.selu_(read)
            read.mul_(layer.out(read).sigmoid_())
        return layer.norm(read).add_(features)


def build_encoder(torch: Any, model: Any, factor: float) -> Encoder:
    """Return the encoder of the library's model, in copies of some of its weights."""
    network = model.model
    rows = _ROWS if model.device.type == "cpu" else _ROWS_ON_GPU
    with torch.inference_mode():
        embed = network.embed.embed
        embedding = torch.cat([embed.weight.T, embed.bias[None]])
        layers = [
            (layer, discretize(torch, layer.ssm, factor, rows, embedding if place == 0 else None))
            for place, layer in enumerate(network.encoder.layers)
        ]
    return Encoder(torch, layers, embedding, rows)
