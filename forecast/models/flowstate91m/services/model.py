"""FlowState behind the gateway."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from forecast.core.adapter import (
    DECILES,
    Adapter,
    Capabilities,
    Floats,
    Forecast,
    ModelConfig,
    Options,
    Series,
    Task,
)
from forecast.core.checkpoint import locate_checkpoint, reading
from forecast.core.device import torch_device
from forecast.core.libraries import import_alone
from forecast.core.lifecycle import ModelService
from forecast.core.limits import check_horizon
from forecast.models.flowstate91m.schemas.schema import FlowStateOptions, FlowStateSettings
from forecast.models.flowstate91m.services.encoder import build_encoder
from forecast.models.flowstate91m.services.network import run_network
from forecast.models.flowstate91m.services.timescale import Timescale, scale_factor, timescale
from forecast.models.flowstate91m.services.unit import measure
from forecast.models.flowstate91m.services.weights import read_weights

# Each takes as much memory as the weights; the series of most callers have one or two seasons.
_SCALE_FACTORS = 4


@dataclass(frozen=True, slots=True, eq=False)
class LoadedFlowState:
    """The library's model, and its encoder at a scale factor, which is kept for the last few of them."""

    model: Any
    encoder: Any

    def timescale(self, series: Series, options: Options) -> Timescale:
        """Return how the model sees a series."""
        return timescale(self.model.config, scale_factor(series, options))


class FlowStateAdapter(Adapter[LoadedFlowState]):
    """FlowState through granite-tsfm, at the scale factor of each series' season.

    The network has no padding that leaves numbers as they are, so a batch has series of one length.
    """

    model_id = "flowstate91m"
    library = "granite-tsfm"
    capabilities = Capabilities(
        max_context=16_384,
        max_horizon=16_384,
        native_levels=DECILES,
        missing=True,
        backends=("cpu", "gpu"),
    )
    options_type: ClassVar[type[Options]] = FlowStateOptions
    max_batch = 16

    def load(self, config: ModelConfig) -> LoadedFlowState:
        """Return the model in float32; raise CheckpointError or BackendError where it cannot be had."""
        device = torch_device(config.backend)
        path = locate_checkpoint(config)
        import_alone("tsfm_public.models.flowstate.modeling_flowstate")
        import torch

        with reading(config, path):
            model = read_weights(path).to(device, torch.float32).eval()
        return LoadedFlowState(model, lru_cache(_SCALE_FACTORS)(partial(build_encoder, torch, model)))

    def unload(self, loaded: LoadedFlowState) -> None:
        """Let go of the encoders, which are copies of the weights."""
        loaded.encoder.cache_clear()

    def module(self, loaded: LoadedFlowState) -> Any:
        """Return the network."""
        return loaded.model

    def limits(self, loaded: LoadedFlowState) -> Capabilities:
        """Return the limits with this checkpoint's own levels, and whether it knows gaps."""
        config = loaded.model.config
        return replace(self.capabilities, native_levels=tuple(config.quantiles), missing=config.with_missing)

    def series_limits(self, loaded: LoadedFlowState, series: Series, options: Options) -> Capabilities:
        """Return the limits at the series' scale factor; context and horizon share one window of steps."""
        scale, most = loaded.timescale(series, options), self.capabilities.max_horizon or 0
        return replace(
            self.limits(loaded),
            max_context=scale.max_context(len(series.future_index)),
            max_horizon=min(scale.max_horizon, most),
        )

    def batch_key(self, task: Task) -> Hashable:
        """Return the scale factor, the horizon and the steps from the first value on."""
        factor = scale_factor(task.series, task.options)
        return factor, task.horizon, len(_from_first_value(task.series.target))

    def predict(self, loaded: LoadedFlowState, tasks: Sequence[Task]) -> list[Forecast]:
        """Return one forecast a task, at the checkpoint's levels; raise HorizonError beyond the limit."""
        series, horizon, options = tasks[0].series, tasks[0].horizon, tasks[0].options
        scale = loaded.timescale(series, options)
        check_horizon(
            horizon, self.series_limits(loaded, series, options), f" at a scale factor of {scale.factor:.4g}"
        )
        longest = scale.max_context(horizon)
        targets = [_from_first_value(task.series.target)[-longest:] for task in tasks]
        units = [measure(target) for target in targets]
        contexts = np.stack([unit.reduce(target) for unit, target in zip(units, targets, strict=True)])
        found = run_network(loaded.model, loaded.encoder(scale.factor), contexts, horizon, scale)
        levels = tuple(loaded.model.config.quantiles)
        weights = 0.5 - np.abs(0.5 - np.asarray(levels))
        method, notes = f"scale factor {scale.factor:.4g}", _advise(scale, horizon, len(targets[0]))
        forecasts = []
        for unit, values in zip(units, found, strict=True):
            # As the library has it: the quantiles of these, and the mean by how near the median they are.
            quantiles = unit.restore(np.quantile(values, levels, axis=0)).T
            mean = np.average(quantiles, axis=1, weights=weights)
            forecasts.append(Forecast(mean, quantiles, levels, method, notes))
        return forecasts


def _from_first_value(target: Floats) -> Floats:
    # The network is not blind to a gap before the first value, which tells nothing.
    return target[int(np.argmax(np.isfinite(target))) :]


def _advise(scale: Timescale, horizon: int, context: int) -> tuple[str, ...]:
    taken = scale.masked(horizon)
    if context < scale.max_context(horizon) or taken <= scale.window // 2:
        return ()
    return (
        f"At a scale factor of {scale.factor:.4g} the model sees {scale.window} steps, of which the horizon"
        f" takes {taken}: the context is the last {context}.",
    )


service = ModelService(FlowStateAdapter(), FlowStateSettings, Path(__file__).parents[1])

initialize_model = service.initialize
get_status = service.get_status
get_model_config = service.get_model_config
get_model_source_info = service.get_model_source_info
run_inference = service.run_inference
shutdown_model = service.shutdown
