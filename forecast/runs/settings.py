"""The settings of stored forecasts."""

from pydantic import Field

from forecast.core.config import EnvSettings


class RunSettings(EnvSettings):
    """What may be asked of stored forecasts, and how long they are kept."""

    default_model: str = Field(
        "statsforecast", description="The model of a forecast by name that names no model."
    )
    max_prediction_length: int = Field(
        365, ge=1, description="The most steps that a forecast by name, or a job, may have."
    )
    min_historical_data: int = Field(
        7, ge=1, description="The known values that an item needs up to the cutoff to be forecast by name."
    )
    forecast_retention_days: int = Field(
        0, ge=0, description="How many days a stored forecast is kept; 0 keeps all."
    )
