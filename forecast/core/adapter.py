"""The contract between the gateway and a model.

A model's author writes one `Adapter`: load weights, forecast a batch, let go. It knows nothing of
HTTP, queues or locks. Importing an adapter's module is cheap; heavy libraries are imported in `load`
and kept on what it returns.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Backend = Literal["cpu", "gpu", "tpu", "mps"]
Kind = Literal["numerical", "categorical"]
CovariateMode = Literal["none", "native", "regression"]
Precision = Literal["float32", "bfloat16", "int8"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model, or one checkpoint of it, can do.

    Lengths are in time steps, `None` meaning no limit of its own. `native_levels` are the quantile
    levels that `predict` returns whatever is asked, `None` meaning that it returns exactly the levels
    asked for. `covariates` says who uses them: the model (`native`), the gateway's in-context
    regression around it (`regression`), or nobody (`none`).
    """

    max_context: int | None = None
    max_horizon: int | None = None
    min_context: int = 1
    native_levels: tuple[float, ...] | None = None
    covariates: CovariateMode = "regression"
    past_covariates: bool = False
    """Uses covariates whose future is unknown; of another model's, the last value is carried forward."""
    missing: bool = False
    """Takes NaN in the context."""
    backends: tuple[Backend, ...] = ("cpu",)
    max_batch: int | None = None
    """The most series in one call of `predict`, where a checkpoint takes fewer than the adapter says."""
    quick_batch: int | None = None
    """The most series in one call where so many are done in a moment, if those are more."""
    precisions: tuple[Precision, ...] = ("float32",)
    """The number formats the weights may be computed in."""
    backcast: bool = False
    """Can tell what it would have forecast for the context."""
    multivariate: bool = False
    """Forecasts several targets of one series together."""


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """A variable beside the target of one series.

    `past` has shape (context,), `future` (horizon,) or is None when unknown. Numerical values are
    float64, categorical ones str objects. A static covariate is a constant column.
    """

    name: str
    kind: Kind
    past: NDArray[np.float64] | NDArray[np.object_]
    future: NDArray[np.float64] | NDArray[np.object_] | None
    static: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One time series up to its cutoff, with what is known of its future.

    `index` and `target` have shape (context,), `future_index` (horizon,). `target` is float64 and has
    NaN only where the model takes gaps. `freq` is a pandas offset alias, `season_length` the number of
    steps in the season that belongs to it (1 when there is none).
    """

    unique_id: str
    index: pd.DatetimeIndex
    target: Floats
    future_index: pd.DatetimeIndex
    freq: str
    season_length: int
    covariates: tuple[Covariate, ...] = ()


class Options(BaseModel):
    """The parameters that only one model has; hashable, so that equal ones can share a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def lower_bound(self, target: Floats) -> float | None:
        """Return what no forecast of a series with this context may lie below; None for no bound."""
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One series to forecast: `horizon` steps, at the quantile levels `levels` (ascending)."""

    series: Series
    horizon: int
    levels: tuple[float, ...] = DECILES
    options: Options = field(default_factory=Options)
    backcast: bool = False
    """Also wants what would have been forecast for the context; asked only of models that can tell."""
    companions: tuple[Series, ...] = ()
    """The other targets of the same series, forecast together with it; index and covariates are the same."""

    @property
    def targets(self) -> tuple[Series, ...]:
        """The series and its companions."""
        return (self.series, *self.companions)

    @property
    def covariate_schema(self) -> tuple[tuple[str, Kind, bool], ...]:
        """Name, kind and whether the future is known, for each covariate: what batch mates share."""
        return tuple((c.name, c.kind, c.future is not None) for c in self.series.covariates)


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The answer to one task.

    `mean` has shape (horizon,), `quantiles` (horizon, len(levels)). `method` names the algorithm that
    made it where a model has several; `covariates_used` is False where those of the task had no part in it.
    `backcast` has shape (context,), NaN where the model had seen too little to forecast a step. `companions`
    are the forecasts of the task's companions, in order.
    """

    mean: Floats
    quantiles: Floats
    levels: tuple[float, ...]
    method: str | None = None
    warnings: tuple[str, ...] = ()
    covariates_used: bool = True
    backcast: Floats | None = None
    companions: tuple["Forecast", ...] = ()

    @property
    def targets(self) -> tuple["Forecast", ...]:
        """The forecast and those of its companions."""
        return (self, *self.companions)


class ModelConfig(BaseModel):
    """What a model is loaded with; two equal configurations load the same model.

    `context_len` and `horizon_len` are in time steps and serve requests that name none; a context of
    None is all the history there is, up to the model's limit. `local_dir` is the folder in which local
    checkpoints lie, `batch_size` replaces the adapter's `max_batch`, `batch_steps` the most time steps in a
    call of the model; `fit_processes` of 0 is one per core. `force` loads what seems not to fit into memory;
    `accept_licence` is the ID of the licence that the caller accepted. An MLflow model is loaded by its
    version; alias, stage, or neither (the latest) stand for one that is yet to be found out.
    """

    model_config = ConfigDict(frozen=True)

    backend: Backend = "cpu"
    precision: Precision = "float32"
    context_len: int | None
    horizon_len: int
    batch_size: int | None = None
    batch_steps: int | None = None
    fit_processes: int = 0
    checkpoint: str | None = None
    revision: str | None = None
    accept_licence: str | None = None
    local_model_path: str | None = None
    source_type: Literal["hf", "local", "mlflow"] = "hf"
    mlflow_model_name: str | None = None
    mlflow_model_version: str | None = None
    mlflow_model_alias: str | None = None
    mlflow_model_stage: str | None = None
    local_dir: Path
    allowed_repositories: tuple[str, ...] = ()
    force: bool = False
    mlflow_tracking_uri: str | None = Field(None, repr=False)
    mlflow_cache_dir: Path = Path("~/.cache/sapheneia/mlflow")

    @property
    def source(self) -> str:
        """Where the weights come from, such as `hf:google/timesfm-2.0-500m-pytorch` or `mlflow:sales/3`."""
        if self.source_type == "mlflow":
            return f"mlflow:{self.mlflow_model_name}/{self.mlflow_model_version}"
        if self.checkpoint is None and self.local_model_path is None:
            return "built-in"
        place = self.local_model_path if self.source_type == "local" else self.checkpoint
        return f"{self.source_type}:{place}" + (f"@{self.revision}" if self.revision else "")

    def for_callers(self) -> dict[str, Any]:
        """Return what callers may be told of it: not the operator's folders, addresses and lists."""
        own = {"local_dir", "allowed_repositories", "mlflow_tracking_uri", "mlflow_cache_dir"}
        return self.model_dump(mode="json", exclude=own)


Loaded = TypeVar("Loaded")


class Adapter(ABC, Generic[Loaded]):
    """A model behind the gateway. One thread at a time calls `predict`; `load` may take minutes."""

    model_id: ClassVar[str]
    library: ClassVar[str]
    """The distribution that makes the forecasts; its version is told with every answer."""
    capabilities: ClassVar[Capabilities]
    families: ClassVar[Mapping[str, Capabilities]] = {}
    """What each family of checkpoints can do, that of `capabilities` first, where a model has several."""
    options_type: ClassVar[type[Options]] = Options
    max_batch: ClassVar[int] = 256
    """The most series in one call of `predict`, which the time steps of a call bound too."""

    @abstractmethod
    def load(self, config: ModelConfig) -> Loaded:
        """Return the loaded model; raise CheckpointError or BackendError where it cannot be."""

    @abstractmethod
    def predict(self, loaded: Loaded, tasks: Sequence[Task]) -> list[Forecast]:
        """Return one forecast per task, in order, of exactly the task's horizon.

        All tasks of a call have the same `batch_key`. A task's forecast must not depend on the others.
        """

    def module(self, loaded: Loaded) -> Any:
        """Return the torch module that holds the weights, or None where a model has none."""
        return None

    def blocks(self, loaded: Loaded) -> Sequence[Any]:
        """Return the torch modules whose linear layers compute in the precision of the configuration."""
        return ()

    def unload(self, loaded: Loaded) -> None:
        """Let go of processes and handles; memory is given back by the caller."""

    def limits(self, loaded: Loaded) -> Capabilities:
        """Return what this loaded checkpoint can do, where checkpoints differ."""
        return self.capabilities

    def series_limits(self, loaded: Loaded, series: Series, options: Options) -> Capabilities:
        """Return what this loaded checkpoint can do for one series, its horizon being that of `future_index`.

        Where that depends on the series, `max_context` and `max_horizon` may be below those of `limits`.
        """
        return self.limits(loaded)

    def covariate_mode(self, loaded: Loaded, options: Options) -> CovariateMode:
        """Return who uses the covariates of a request with these options."""
        return self.limits(loaded).covariates

    def batch_key(self, task: Task) -> Hashable:
        """Return a key that is equal for tasks which may share a call of `predict`."""
        return (
            task.horizon,
            task.levels,
            task.options,
            task.covariate_schema,
            task.backcast,
            len(task.companions),
        )

    def width(self, task: Task) -> int:
        """Return the time steps that a call computes for a task; shorter mates are padded to the widest."""
        return len(task.series.target) * len(task.targets)
