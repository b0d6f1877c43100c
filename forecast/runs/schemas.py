"""The body that asks for a forecast of items by name, and what is told of stored forecasts."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from forecast.core.parameters import MOST_SERIES
from forecast.core.schemas import LONGEST, Body

Status = Literal["pending", "running", "succeeded", "failed", "cancelled"]
"""How a run is; a failed one has no forecast at all."""

# PostgreSQL's text has no character NUL.
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]


class ForecastRequest(Body):
    """Which items of the history to forecast, and how."""

    item_ids: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=MOST_SERIES,
        fail_fast=True,
        description="The items to forecast; null means all of the dataset.",
    )
    prediction_length: int = Field(28, ge=1, le=LONGEST, description="Steps to forecast.")
    quantile_levels: list[Annotated[float, Field(gt=0, lt=1)]] | None = Field(
        [0.1, 0.5, 0.9], fail_fast=True, description="Quantile levels to return; null or [] for none."
    )
    use_covariates: bool = Field(True, description="Use the covariates of the dataset.")
    start_date: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The cutoff, inclusive: nothing after it is read, planned covariates neither.",
    )
    model: Name | None = Field(None, description="The model; null means the setting `DEFAULT_MODEL`.")
    dataset: Name = Field("default", description="The dataset that the items are of.")
    parameters: dict[str, Any] = Field(
        {}, description="Further parameters of `/inference`, the model's own too, as `season_length`."
    )

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        for name in ("item_ids", "quantile_levels"):
            values = getattr(self, name) or []
            if len(set(values)) != len(values):
                raise PydanticCustomError("repeated", "{name} names a value twice", {"name": name})
        return self


class ForecastStep(BaseModel):
    """The forecast of one step: its point and its quantiles by level."""

    date: str
    value: float
    quantiles: dict[str, float]


class ForecastMetadata(BaseModel):
    """What the forecast of an item was made from: `cutoff` is the last stamp of its context."""

    cutoff: str
    context_length: int
    frequency: str
    method: str | None
    covariates_used: bool
    data_hash: str
    warnings: list[str]


class ItemError(BaseModel):
    """Why an item has no forecast: for programs (`error`) and for people (`detail`)."""

    error: str
    detail: str


class ItemForecast(BaseModel):
    """One item of a run; either `metadata` or `error` is null."""

    forecast_id: str
    item_id: str
    status: Literal["succeeded", "failed"]
    predictions: list[ForecastStep]
    metadata: ForecastMetadata | None
    error: ItemError | None


class ForecastAnswer(BaseModel):
    """The forecasts of a run that was computed now, and kept under `forecast_run_id`."""

    forecast_run_id: str
    model: str
    model_version: str | None
    dataset: str
    status: Status
    items_total: int
    items_failed: int
    forecasts: list[ItemForecast]


class Run(BaseModel):
    """What was asked, by whom, when, of which model, and how far it is; `seconds` is how long it took."""

    forecast_run_id: str
    job_id: str | None
    kind: Literal["forecast", "inference"]
    user: str
    model: str
    model_version: str | None
    dataset: str | None
    start_date: str | None
    prediction_length: int
    quantile_levels: list[float]
    request: dict[str, Any]
    status: Status
    error: dict[str, Any] | None
    items_total: int
    items_done: int
    items_failed: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None


class RunForecasts(Run):
    """A run with its items, the next of which `next_cursor` leads to."""

    forecasts: list[ItemForecast]
    next_cursor: int | None


class Runs(BaseModel):
    """Runs, the newest first; `next_cursor` leads to those before, null where there are none."""

    forecasts: list[Run]
    next_cursor: str | None
