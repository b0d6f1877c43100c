"""The state of a model at one moment."""

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from forecast.core.adapter import Capabilities, ModelConfig
from forecast.core.load import Load
from forecast.core.progress import LoadProgress
from forecast.core.result_cache import ResultCache
from forecast.core.weights import Weights
from forecast.core.worker import Worker

Loaded = TypeVar("Loaded")
Status = Literal["uninitialized", "initializing", "ready", "error"]


@dataclass(frozen=True, slots=True, eq=False)
class Ready(Generic[Loaded]):
    """A loaded model, the worker in front of it, its weights where it has any, and what it has forecast."""

    loaded: Loaded
    worker: Worker
    limits: Capabilities
    weights: Weights | None
    cache: ResultCache


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot(Generic[Loaded]):
    """A model's state; `ready` is set exactly when the status is, `progress` while it loads.

    `load` is the one that runs or has ended; while draining, what ends with the drain. `code` is that of the
    error that a load ended in.
    """

    status: Status = "uninitialized"
    details: str | None = None
    config: ModelConfig | None = None
    ready: Ready[Loaded] | None = None
    draining: bool = False
    progress: LoadProgress | None = None
    load: Load = field(default_factory=Load)
    code: str | None = None
