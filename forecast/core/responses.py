"""The body of a forecast; `core.answer` writes it."""

from typing import Any

from pydantic import BaseModel


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
    """What a plot needs: flat lists for one series, else one element a series.

    `target_name` is one name, or with several targets that of each series.
    """

    historical_data: list[Any]
    dates_historical: list[Any]
    dates_future: list[Any]
    target_name: str | list[str]
    actual_future: list[Any]


class ExecutionMetadata(BaseModel):
    """Where the time went, in seconds, and what made the forecast."""

    total_time_seconds: float
    execution_time_seconds: float
    queue_time_seconds: float
    batch_size: int
    cached_series: int
    async_execution: bool
    thread_pool: bool
    model_version: str
    weights_fingerprint: str | None
    api_version: str


class InferenceResponse(BaseModel):
    """A forecast with its context."""

    prediction: Prediction
    visualization_data: VisualizationData
    execution_metadata: ExecutionMetadata
    warnings: list[str]
