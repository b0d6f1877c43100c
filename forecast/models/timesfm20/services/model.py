"""TimesFM 2.0 behind the gateway."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forecast.core.adapter import DECILES, Adapter, Capabilities, Floats, Forecast, ModelConfig, Task
from forecast.core.checkpoint import locate_checkpoint, reading
from forecast.core.device import torch_device
from forecast.core.libraries import import_libraries
from forecast.core.lifecycle import ModelService
from forecast.core.precision import PRECISIONS
from forecast.core.unit import standard_unit
from forecast.models.timesfm20.schemas.schema import TimesFM20Settings
from forecast.models.timesfm20.services.frequency import frequency_category
from forecast.models.timesfm20.services.weights import read_weights

_PATCH, _OUTPUT = 32, 128


@dataclass(frozen=True, slots=True, eq=False)
class LoadedTimesFM:
    """The weights, with the library and the device they live on; `context` is the longest they take."""

    torch: Any
    model: Any
    device: str
    context: int


class TimesFM20Adapter(Adapter[LoadedTimesFM]):
    """TimesFM 2.0 through transformers, in as many passes of 128 steps as the horizon takes."""

    model_id = "timesfm20"
    library = "transformers"
    capabilities = Capabilities(
        max_context=2048,
        max_horizon=2048,
        native_levels=DECILES,
        backends=("cpu", "gpu", "mps"),
        backcast=True,
        precisions=PRECISIONS,
    )

    def load(self, config: ModelConfig) -> LoadedTimesFM:
        """Return the model in float32; raise CheckpointError or BackendError where it cannot be had."""
        device = torch_device(config.backend)
        path = locate_checkpoint(config, originals=("*.ckpt",))
        import_libraries("transformers.models.timesfm.modeling_timesfm")
        import torch

        with reading(config, path):
            model = read_weights(path).to(device, torch.float32).eval()
        patch = model.config.patch_length
        return LoadedTimesFM(torch, model, device, model.config.context_length // patch * patch)

    def module(self, loaded: LoadedTimesFM) -> Any:
        """Return the network."""
        return loaded.model

    def blocks(self, loaded: LoadedTimesFM) -> Sequence[Any]:
        """Return the layers of the transformer."""
        return [loaded.model.decoder.layers]

    def limits(self, loaded: LoadedTimesFM) -> Capabilities:
        """Return the limits with this checkpoint's own context and quantile levels."""
        levels = tuple(loaded.model.config.quantiles)
        return replace(self.capabilities, max_context=loaded.context, native_levels=levels)

    def batch_key(self, task: Task) -> Hashable:
        """Return the passes the task takes, and whether to backcast."""
        return -(-task.horizon // _OUTPUT), task.backcast

    def width(self, task: Task) -> int:
        """Return the context in whole patches."""
        return -(-len(task.series.target) // _PATCH) * _PATCH

    def predict(self, loaded: LoadedTimesFM, tasks: Sequence[Task]) -> list[Forecast]:
        """Return one forecast a task, with the checkpoint's quantile levels."""
        levels = tuple(loaded.model.config.quantiles)
        units = [standard_unit(task.series.target) for task in tasks]
        targets = [
            unit.reduce(task.series.target[-loaded.context :])
            for task, unit in zip(tasks, units, strict=True)
        ]
        values, padding = _pad_left(targets, loaded.model.config.patch_length)
        freq = np.array([[frequency_category(task.series.freq)] for task in tasks])
        outputs, fits = _roll(
            loaded, values, padding, freq, max(task.horizon for task in tasks), backcast=tasks[0].backcast
        )
        forecasts = []
        for task, output, fit, unit in zip(tasks, outputs, fits, units, strict=True):
            steps = unit.restore(output[: task.horizon])
            backcast = _align(unit.restore(fit), task, loaded) if task.backcast else None
            forecasts.append(Forecast(steps[:, 0], steps[:, 1:], levels, backcast=backcast))
        return forecasts


def _pad_left(targets: Sequence[Floats], patch: int) -> tuple[Any, Any]:
    width = -(-max(len(target) for target in targets) // patch) * patch
    values = np.zeros((len(targets), width), dtype=np.float32)
    padding = np.ones_like(values)
    for row, target in enumerate(targets):
        values[row, width - len(target) :] = target
        padding[row, width - len(target) :] = 0
    return values, padding


def _align(fit: Floats, task: Task, loaded: LoadedTimesFM) -> Floats:
    """Return what was forecast for the context, shape (context,), from what was for the padded patches.

    As in the original the first patch's length of steps is left out, though patches are counted from the end.
    """
    length = len(task.series.target)
    told = max(0, min(length, loaded.context) - loaded.model.config.patch_length)
    backcast = np.full(length, np.nan)
    backcast[length - told :] = fit[len(fit) - told :]
    return backcast


def _roll(
    loaded: LoadedTimesFM, values: Any, padding: Any, freq: Any, horizon: int, *, backcast: bool
) -> tuple[Floats, Floats]:
    """Return mean and quantiles, shape (series, at least horizon, 10), each pass fed the means before it.

    Beside them, with `backcast`, the means of all patches but the first, shape (series, steps), each patch
    seeing only those before it. The library's own loop pads every series to the longest context and, after
    its first pass, loses the padding.
    """
    torch, model, device = loaded.torch, loaded.model, loaded.device
    outputs: list[Any] = []
    fits = torch.empty((len(values), 0))
    with torch.inference_mode():
        past, pads, freq = (torch.from_numpy(part).to(device) for part in (values, padding, freq))
        while model.config.horizon_length * len(outputs) < horizon:
            hidden = model.decoder(past_values=past, past_values_padding=pads, freq=freq)
            if backcast and not outputs:
                fits = _read(model, hidden, slice(None, -1))[:, :, : model.config.patch_length, 0].flatten(1)
            outputs.append(_read(model, hidden, slice(-1, None))[:, 0])
            mean = outputs[-1][..., 0]
            past = torch.cat([past, mean], dim=1)[:, -loaded.context :]
            pads = torch.cat([pads, torch.zeros_like(mean)], dim=1)[:, -loaded.context :]
    return _floats(torch.cat(outputs, dim=1)), _floats(fits)


def _read(model: Any, hidden: Any, patches: slice) -> Any:
    """Return what follows each of these patches, shape (series, patches, 128, 10)."""
    ahead = model.horizon_ff_layer(hidden.last_hidden_state[:, patches])
    steps = ahead.view(*ahead.shape[:2], model.config.horizon_length, 1 + len(model.config.quantiles))
    return steps * hidden.scale[:, None, None, None] + hidden.loc[:, None, None, None]


def _floats(tensor: Any) -> Floats:
    values: Floats = tensor.cpu().numpy().astype(np.float64)
    return values


service = ModelService(TimesFM20Adapter(), TimesFM20Settings, Path(__file__).parents[1])

initialize_model = service.initialize
get_status = service.get_status
get_model_config = service.get_model_config
get_model_source_info = service.get_model_source_info
run_inference = service.run_inference
shutdown_model = service.shutdown
