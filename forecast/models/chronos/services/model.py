"""Chronos behind the gateway: Chronos-2, Chronos-Bolt and Chronos-T5."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from forecast.core.adapter import DECILES, Adapter, Capabilities, Floats, Forecast, ModelConfig, Task
from forecast.core.checkpoint import locate_checkpoint, reading
from forecast.core.device import torch_device
from forecast.core.libraries import import_libraries
from forecast.core.lifecycle import ModelService
from forecast.core.precision import PRECISIONS
from forecast.models.chronos.schemas.schema import ChronosSettings
from forecast.models.chronos.services.inputs import make_input, measure
from forecast.models.chronos.services.weights import family_of, read_pipeline

_LEVELS = (0.01, *(step / 20 for step in range(1, 20)), 0.99)
_PATCH, _ROWS, _PATHS, _SEED = 16, 256, 9, 20


@dataclass(frozen=True, slots=True, eq=False)
class LoadedChronos:
    """The library's pipeline over one checkpoint."""

    torch: Any
    pipeline: Any


class ChronosAdapter(Adapter[LoadedChronos]):
    """Chronos through chronos-forecasting; what a checkpoint can do depends on its family.

    Chronos-2 and Bolt know quantiles only: their mean is the median. Chronos-T5 draws its sample paths
    from one fixed seed a series. Several targets of a series are forecast together by Chronos-2. A static
    covariate is a constant column to it, which it normalizes away: that there is one matters, not its value.
    """

    model_id = "chronos"
    library = "chronos-forecasting"
    capabilities = Capabilities(
        max_context=8192,
        max_horizon=8192,
        native_levels=_LEVELS,
        covariates="native",
        past_covariates=True,
        missing=True,
        multivariate=True,
        backends=("cpu", "gpu", "mps"),
        precisions=PRECISIONS,
    )
    _univariate = replace(capabilities, covariates="none", past_covariates=False, multivariate=False)
    families: ClassVar[Mapping[str, Capabilities]] = {
        "Chronos-2": capabilities,
        "Chronos-Bolt": replace(_univariate, max_context=2048, max_horizon=2048, native_levels=DECILES),
        # T5 draws series by series: a large batch would only keep others waiting.
        "Chronos-T5": replace(_univariate, max_context=512, max_horizon=512, native_levels=None, max_batch=1),
    }

    def load(self, config: ModelConfig) -> LoadedChronos:
        """Return the pipeline in float32; raise CheckpointError or BackendError where it cannot be had."""
        device = torch_device(config.backend)
        path = locate_checkpoint(config)
        import_libraries("chronos")
        import torch

        with reading(config, path):
            pipeline = read_pipeline(path)
        pipeline.inner_model.to(device)
        return LoadedChronos(torch, pipeline)

    def module(self, loaded: LoadedChronos) -> Any:
        """Return the network."""
        return loaded.pipeline.inner_model

    def blocks(self, loaded: LoadedChronos) -> Sequence[Any]:
        """Return the encoder, and the decoder where the family has one."""
        network = loaded.pipeline.inner_model
        return [getattr(network, name) for name in ("encoder", "decoder") if hasattr(network, name)]

    def limits(self, loaded: LoadedChronos) -> Capabilities:
        """Return those of the checkpoint's family, with its own context and levels.

        A horizon beyond the context would be forecast from nothing but forecasts.
        """
        own = self.families[family_of(loaded.pipeline)]
        context = loaded.pipeline.model_context_length
        levels = None if own.native_levels is None else tuple(loaded.pipeline.quantiles)
        return replace(own, max_context=context, max_horizon=context, native_levels=levels)

    def width(self, task: Task) -> int:
        """Return the context in whole patches, of every variable."""
        patches = -(-len(task.series.target) // _PATCH)
        return patches * _PATCH * (len(task.targets) + len(task.series.covariates))

    def predict(self, loaded: LoadedChronos, tasks: Sequence[Task]) -> list[Forecast]:
        """Return one forecast a task, at the checkpoint's levels, or for T5 at those of the task."""
        limits = self.limits(loaded)
        levels = limits.native_levels or tasks[0].levels
        centred = limits.native_levels is not None
        units = [[measure(one.target, centred=centred) for one in task.targets] for task in tasks]
        targets = [
            [unit.reduce(one.target) for unit, one in zip(own, task.targets, strict=True)]
            for own, task in zip(units, tasks, strict=True)
        ]
        found = _ASK[family_of(loaded.pipeline)](loaded, tasks, targets, levels)
        forecasts = []
        for task, own, quantiles, means in zip(tasks, units, *found, strict=True):
            notes = _advise(task, loaded.pipeline.model_prediction_length)
            first, *companions = (
                Forecast(unit.restore(mean), unit.restore(matrix), levels, warnings=notes)
                for unit, matrix, mean in zip(own, quantiles, means, strict=True)
            )
            forecasts.append(replace(first, companions=tuple(companions)))
        return forecasts


_Targets = Sequence[Sequence[Floats]]
_Found = tuple[list[Floats], list[Floats]]
"""Of each task the quantiles, shape (targets, horizon, levels), and the means, shape (targets, horizon)."""


def _ask_chronos2(loaded: LoadedChronos, tasks: Sequence[Task], targets: _Targets, levels: Any) -> _Found:
    # Rows attend to rows, so memory grows with their square; unrolling makes nine of one.
    rows = _ROWS if tasks[0].horizon <= loaded.pipeline.model_prediction_length else _ROWS // _PATHS
    inputs = [make_input(loaded.torch, task, own) for task, own in zip(tasks, targets, strict=True)]
    quantiles, means = _ask(
        loaded.pipeline, inputs, tasks[0].horizon, levels, batch_size=rows, cross_learning=False
    )
    return [_floats(one) for one in quantiles], [_floats(one) for one in means]


def _ask_bolt(loaded: LoadedChronos, tasks: Sequence[Task], targets: _Targets, levels: Any) -> _Found:
    contexts = [loaded.torch.from_numpy(target.astype(np.float32)) for (target,) in targets]
    quantiles, means = _ask(loaded.pipeline, contexts, tasks[0].horizon, levels)
    return list(_floats(quantiles)[:, None]), list(_floats(means)[:, None])


def _ask_t5(loaded: LoadedChronos, tasks: Sequence[Task], targets: _Targets, levels: Any) -> _Found:
    found: _Found = [], []
    for task, target in zip(tasks, targets, strict=True):
        # The draws of a batch come from one stream, so a series is drawn by itself, from the same place.
        with loaded.torch.random.fork_rng(devices=[]):
            loaded.torch.manual_seed(_SEED)
            parts = _ask_bolt(loaded, [task], [target], levels)
        for whole, part in zip(found, parts, strict=True):
            whole.extend(part)
    return found


_ASK = {"Chronos-2": _ask_chronos2, "Chronos-Bolt": _ask_bolt, "Chronos-T5": _ask_t5}


def _ask(pipeline: Any, inputs: Any, horizon: int, levels: Sequence[float], **more: Any) -> Any:
    with _unwarned() if horizon > pipeline.model_prediction_length else nullcontext():
        return pipeline.predict_quantiles(
            inputs,
            prediction_length=horizon,
            quantile_levels=list(levels),
            limit_prediction_length=False,
            **more,
        )


@contextmanager
def _unwarned() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "We recommend keeping prediction length")
        yield


def _floats(tensor: Any) -> Floats:
    values: Floats = tensor.numpy().astype(np.float64)
    return values


def _advise(task: Task, at_once: int) -> tuple[str, ...]:
    notes = []
    if task.horizon > at_once:
        notes.append(
            f"This checkpoint forecasts {at_once} steps at once; those after them rest on its own forecasts."
        )
    static = [one.name for one in task.series.covariates if one.static]
    if static:
        notes.append(
            f"Static covariates ({', '.join(static)}) are constants, which Chronos-2 normalizes away: their"
            " values have no effect."
        )
    return tuple(notes)


service = ModelService(ChronosAdapter(), ChronosSettings, Path(__file__).parents[1])

initialize_model = service.initialize
get_status = service.get_status
get_model_config = service.get_model_config
get_model_source_info = service.get_model_source_info
run_inference = service.run_inference
shutdown_model = service.shutdown
