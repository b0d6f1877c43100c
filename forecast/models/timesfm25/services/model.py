"""TimesFM 2.5 behind the gateway."""

import copy
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from forecast.core.adapter import DECILES, Adapter, Capabilities, Floats, Forecast, ModelConfig, Options, Task
from forecast.core.checkpoint import locate_checkpoint, reading
from forecast.core.device import torch_device
from forecast.core.libraries import import_libraries
from forecast.core.lifecycle import ModelService
from forecast.core.precision import PRECISIONS
from forecast.core.unit import Unit, standard_unit
from forecast.models.timesfm25.schemas.schema import TimesFM25Options, TimesFM25Settings
from forecast.models.timesfm25.services.weights import read_weights

_PATCH, _OUTPUT = 32, 128


@dataclass(frozen=True, slots=True, eq=False)
class LoadedTimesFM:
    """The library's model, and the steps that context and horizon may have together."""

    library: Any
    model: Any
    steps: int


class TimesFM25Adapter(Adapter[LoadedTimesFM]):
    """TimesFM 2.5 through the library timesfm, compiled anew for the shape of each batch."""

    model_id = "timesfm25"
    library = "timesfm"
    capabilities = Capabilities(
        max_context=16_384,
        max_horizon=1024,
        native_levels=DECILES,
        backends=("cpu", "gpu", "mps"),
        precisions=PRECISIONS,
        backcast=True,
    )
    options_type: ClassVar[type[Options]] = TimesFM25Options

    def load(self, config: ModelConfig) -> LoadedTimesFM:
        """Return the model in float32; raise CheckpointError or BackendError where it cannot be had."""
        device = torch_device(config.backend)
        path = locate_checkpoint(config)
        import_libraries("timesfm")
        import timesfm
        import torch

        with reading(config, path):
            model = read_weights(path)
        model.model.to(device)
        model.model.device, model.model.device_count = torch.device(device), 1
        return LoadedTimesFM(timesfm, model, model.model.config.context_limit)

    def module(self, loaded: LoadedTimesFM) -> Any:
        """Return the network."""
        return loaded.model.model

    def blocks(self, loaded: LoadedTimesFM) -> Sequence[Any]:
        """Return the layers of the transformer."""
        return [loaded.model.model.stacked_xf]

    def limits(self, loaded: LoadedTimesFM) -> Capabilities:
        """Return the limits with this checkpoint's own context and horizon."""
        horizon = min(loaded.model.model.os, loaded.steps - _PATCH)
        return replace(self.capabilities, max_context=loaded.steps, max_horizon=horizon)

    def batch_key(self, task: Task) -> Hashable:
        """Return the passes a task takes, its options, and whether to backcast."""
        return -(-task.horizon // _OUTPUT), task.options, task.backcast

    def width(self, task: Task) -> int:
        """Return the context in whole patches."""
        return -(-len(task.series.target) // _PATCH) * _PATCH

    def predict(self, loaded: LoadedTimesFM, tasks: Sequence[Task]) -> list[Forecast]:
        """Return one forecast a task: the model's mean and deciles."""
        options = _options(tasks[0])
        horizon = -(-tasks[0].horizon // _OUTPUT) * _OUTPUT
        room = (loaded.steps - horizon) // _PATCH * _PATCH
        targets = [task.series.target[-room:] for task in tasks]
        units = [standard_unit(target, always=options.normalize_inputs) for target in targets]
        inputs = [unit.reduce(target) for unit, target in zip(units, targets, strict=True)]
        outputs = _ask(loaded, inputs, horizon, options, backcast=tasks[0].backcast)
        return [
            _read(task, target, unit, output, horizon)
            for task, target, unit, output in zip(tasks, targets, units, outputs, strict=True)
        ]


def _options(task: Task) -> TimesFM25Options:
    return task.options if isinstance(task.options, TimesFM25Options) else TimesFM25Options()


def _ask(
    loaded: LoadedTimesFM, inputs: list[Floats], horizon: int, options: TimesFM25Options, *, backcast: bool
) -> Floats:
    """Return mean and deciles as the library orders them, shape (series, steps, 10).

    The steps are those of the backcast, which begins a patch after the longest context does, and the
    horizon.
    """
    flags = loaded.library.ForecastConfig(
        max_context=-(-max(map(len, inputs)) // _PATCH) * _PATCH,
        max_horizon=horizon,
        per_core_batch_size=len(inputs),
        use_continuous_quantile_head=True,
        force_flip_invariance=options.force_flip_invariance,
        fix_quantile_crossing=options.fix_quantile_crossing,
        # Both would look at the padding too; they are done series by series around the call.
        infer_is_positive=False,
        normalize_inputs=False,
        return_backcast=backcast,
    )
    view = copy.copy(loaded.model)  # shares the weights; compiling only sets attributes of it
    view.compile(flags)
    outputs: Floats = view.forecast(horizon, inputs)[1].astype(np.float64)
    return outputs


def _read(task: Task, target: Floats, unit: Unit, output: Floats, horizon: int) -> Forecast:
    values = unit.restore(output)
    bound = _options(task).lower_bound(target)
    if bound is not None:
        values = np.maximum(values, bound)
    steps = values[-horizon:][: task.horizon]
    told = len(task.series.target) - len(target)
    notes = (f"Context and horizon share {len(target) + horizon} steps: the first {told} were left out.",)
    return Forecast(
        steps[:, 0],
        steps[:, 1:],
        DECILES,
        warnings=notes if told else (),
        backcast=_align(values[:-horizon, 0], len(task.series.target)) if task.backcast else None,
    )


def _align(backcast: Floats, length: int) -> Floats:
    """Return the backcast of each step of a context; the first patch has none."""
    aligned = np.full(length, np.nan)
    known = min(len(backcast), max(0, length - _PATCH))
    if known:
        aligned[-known:] = backcast[-known:]
    return aligned


service = ModelService(TimesFM25Adapter(), TimesFM25Settings, Path(__file__).parents[1])
initialize_model = service.initialize
get_status = service.get_status
get_model_config = service.get_model_config
get_model_source_info = service.get_model_source_info
run_inference = service.run_inference
shutdown_model = service.shutdown
