"""The bodies that callers send and receive."""

import difflib
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from forecast.core.adapter import Backend
from forecast.core.data.table import MOST_COLUMNS
from forecast.core.data.text import is_unicode
from forecast.core.errors import MOST_ERRORS

Role = Literal[
    "target",
    "dynamic_numerical",
    "dynamic_categorical",
    "static_numerical",
    "static_categorical",
    "id",
    "timestamp",
]
Missing = Literal["error", "interpolate", "zero", "ffill", "model"]
_LONGEST = 1_000_000


def nearest(word: str, known: list[str]) -> str:
    """Return a clause that offers the known word nearest to `word`, or lists them all."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"


def printable(text: str) -> str:
    """Return text with what cannot be written as UTF-8, half a surrogate pair, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


class Body(BaseModel):
    """A request body: types are taken literally and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, value: Any) -> Any:
        unknown = [name for name in value if name not in cls.model_fields] if isinstance(value, dict) else []
        if unknown:
            hints = [
                f"'{printable(name)}' ({nearest(name, list(cls.model_fields))})"
                for name in unknown[:MOST_ERRORS]
            ]
            raise PydanticCustomError("unknown_field", "Unknown field {fields}", {"fields": ", ".join(hints)})
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_broken_text(cls, value: Any) -> Any:
        if isinstance(value, str) and not is_unicode(value):
            raise PydanticCustomError("unicode", "The text is not valid Unicode")
        return value


class InitializationRequest(Body):
    """How to load a model; what is left out comes from the model's settings."""

    backend: Backend | None = Field(None, description="Where the model runs.")
    context_len: int | None = Field(
        None, ge=1, le=_LONGEST, description="Time steps of history used when a request names none."
    )
    horizon_len: int | None = Field(
        None, ge=1, le=_LONGEST, description="Time steps forecast when a request names none."
    )
    checkpoint: str | None = Field(None, description="Hub repository, such as `amazon/chronos-2`.")
    revision: str | None = Field(None, description="Branch, tag or commit of the repository.")
    local_model_path: str | None = Field(
        None, description="Folder or file in the model's `local/` to load instead of the Hub."
    )
    source_type: Literal["hf", "local", "mlflow"] | None = Field(
        None, description="Where the weights come from; `local` when `local_model_path` is given, else `hf`."
    )
    wait: bool = Field(True, description="Answer when loaded (true), or 202 at once and load behind (false).")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.source_type == "local" and self.local_model_path is None:
            raise PydanticCustomError("source", "source_type 'local' needs local_model_path")
        if self.checkpoint is not None and self.local_model_path is not None:
            raise PydanticCustomError("source", "checkpoint and local_model_path exclude each other")
        if self.source_type in ("hf", "mlflow") and self.local_model_path is not None:
            raise PydanticCustomError("source", "local_model_path needs source_type 'local'")
        return self


class Parameters(Body):
    """How to forecast; the parameters that every model has."""

    context_len: int | None = Field(
        None,
        ge=1,
        le=_LONGEST,
        description="The last steps of each series to look at; all of a shorter series is used.",
    )
    horizon_len: int | None = Field(None, ge=1, le=_LONGEST, description="Steps to forecast.")
    use_covariates: bool = Field(True, description="Use the covariates of `data_definition`.")
    use_quantiles: bool = Field(True, description="Return quantiles beside the point forecast.")
    quantile_indices: list[Annotated[int, Field(ge=1, le=9)]] | None = Field(
        None,
        min_length=1,
        fail_fast=True,
        description="Deciles whose neighbours form the bands: 1 is Q10, 9 is Q90; [1, 9] by default.",
    )
    quantile_levels: list[Annotated[float, Field(gt=0, lt=1)]] | None = Field(
        None,
        min_length=1,
        fail_fast=True,
        description="Quantile levels to return instead of the mean and the deciles.",
    )
    context_start_date: str | None = Field(None, description="Ignore rows before this date.")
    context_end_date: str | None = Field(None, description="The cutoff: nothing after it is forecast from.")
    freq: str | None = Field(None, description="Frequency as a pandas alias (`D`, `h`, `MS`); else inferred.")
    season_length: int | None = Field(
        None, ge=1, le=_LONGEST, description="Steps in a season; else from the frequency."
    )
    timezone: str | None = Field(
        None, min_length=1, description="IANA zone of the calendar, as `Europe/Berlin`."
    )
    missing: Missing = Field("error", description="What to do about gaps and empty cells.")
    covariates_mode: Literal["best_effort", "strict"] = Field(
        "best_effort", description="Whether an unknown future of a covariate is bridged or refused."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.quantile_indices is not None and self.quantile_levels is not None:
            raise PydanticCustomError("exclusive", "quantile_indices and quantile_levels exclude each other")
        for name in ("quantile_indices", "quantile_levels"):
            values = getattr(self, name) or []
            if len(set(values)) != len(values):
                raise PydanticCustomError("repeated", "{name} names a value twice", {"name": name})
        return self


P = TypeVar("P", bound=Parameters)


def _check_table(value: Any) -> Any:
    """Return a table's columns or records, or raise one error: of a list, pydantic makes one an item."""
    shapes = "send columns, {'date': […], 'y': […]}, or records, [{'date': …, 'y': …}, …]"
    if isinstance(value, dict):
        place = next(
            (f"Column '{printable(name)}'" for name, v in value.items() if type(v) is not list), None
        )
        kind = "a list"
    elif isinstance(value, list):
        place = next((f"Item {row}" for row, v in enumerate(value, 1) if type(v) is not dict), None)
        kind = "an object"
    else:
        place, kind = "The table", "an object or a list"
    if place is not None:
        raise PydanticCustomError(
            "table", "{place} is not {kind}; {shapes}", {"place": place, "kind": kind, "shapes": shapes}
        )
    return value


_Table = dict[str, list[Any]] | list[dict[str, Any]]
Data = Annotated[_Table, PlainValidator(_check_table, json_schema_input_type=_Table)]


class InferenceRequest(Body, Generic[P]):
    """A table, what its columns mean, and how to forecast it."""

    data_source_url_or_path: str | None = Field(
        None, min_length=1, description="A path under the data directory, or an http(s) URL."
    )
    data: Data | None = Field(
        None, description="The table itself, by columns or by records, instead of a source."
    )
    data_definition: dict[str, Role] = Field(min_length=1, description="The role of each column used.")
    parameters: P = Field(description="How to forecast.")

    @field_validator("data_definition", mode="before")
    @classmethod
    def _has_sane_names(cls, value: Any) -> Any:
        names = value if isinstance(value, dict) else ()
        if len(names) > MOST_COLUMNS:
            told = {"count": len(names), "limit": MOST_COLUMNS}
            raise PydanticCustomError("columns", "{count} columns are named; the limit is {limit}", told)
        broken = next((printable(name) for name in names if not is_unicode(name)), None)
        if broken is not None:
            raise PydanticCustomError("unicode", "The name '{name}' is not valid Unicode", {"name": broken})
        return value

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.data_source_url_or_path is None) == (self.data is None):
            raise PydanticCustomError("source", "Give either data_source_url_or_path or data")
        return self


class ModelInfo(BaseModel):
    """What a loaded model was loaded with."""

    backend: Backend
    context_len: int | None
    horizon_len: int
    source: str
    checkpoint: str | None
    revision: str | None


class InitializationResponse(BaseModel):
    """The model's state after an initialization."""

    message: str
    model_status: str
    model_info: ModelInfo


class StatusResponse(BaseModel):
    """The model's state."""

    model_status: str
    details: str | None


class ShutdownResponse(BaseModel):
    """The model's state after a shutdown."""

    message: str
    model_status: str


class PredictionMetadata(BaseModel):
    """How the prediction was made."""

    input_series_count: int
    forecast_length: int
    context_lengths: list[int]
    covariates_used: bool
    quantiles_available: bool
    frequency: str
    model_methods: list[str | None]


class Prediction(BaseModel):
    """The forecast: the outer lists have one element a series.

    `quantile_levels` names the columns of `quantile_forecast`; null is the mean.
    """

    point_forecast: list[list[float]]
    method: str
    series_ids: list[str]
    quantile_forecast: list[list[list[float]]] | None
    quantile_levels: list[float | None] | None
    metadata: PredictionMetadata
    quantile_bands: dict[str, Any]


class VisualizationData(BaseModel):
    """What a plot needs: flat lists for one series, else one element a series."""

    historical_data: list[Any]
    dates_historical: list[Any]
    dates_future: list[Any]
    target_name: str
    actual_future: list[Any]


class ExecutionMetadata(BaseModel):
    """Where the time went, in seconds."""

    total_time_seconds: float
    execution_time_seconds: float
    queue_time_seconds: float
    batch_size: int
    async_execution: bool
    thread_pool: bool
    model_version: str
    api_version: str


class InferenceResponse(BaseModel):
    """A forecast with its context."""

    prediction: Prediction
    visualization_data: VisualizationData
    execution_metadata: ExecutionMetadata
    warnings: list[str]
