"""What TimesFM 2.5 is configured with, and the parameters that only it has."""

from pydantic import Field

from forecast.core.adapter import Floats, Options
from forecast.core.model_settings import ModelSettings


class TimesFM25Settings(ModelSettings, env_prefix="TIMESFM25_"):
    """The settings of TimesFM 2.5."""

    default_context_len: int | None = Field(
        1024, ge=1, description="The context used when a request names none; empty means up to 16384."
    )
    default_checkpoint: str | None = Field(
        "google/timesfm-2.5-200m-pytorch", description="The Hub repository of the weights."
    )
    model_port: int = Field(8004, ge=1, le=65535, description="The model's port as a service of its own.")


class TimesFM25Options(Options):
    """The library's own flags, by their names and with its defaults."""

    force_flip_invariance: bool = Field(
        True, description="Also forecast the series upside down and average: twice the time."
    )
    infer_is_positive: bool = Field(
        True, description="Cut forecasts of a series without negative values off at zero: no cost."
    )
    fix_quantile_crossing: bool = Field(
        False,
        description="Widen quantiles that cross, from the median outwards, instead of sorting them: no cost.",
    )
    normalize_inputs: bool = Field(
        False, description="Forecast in units of the context's standard deviation: no cost."
    )

    def lower_bound(self, target: Floats) -> float | None:
        """Return zero where `infer_is_positive` and no value of the context is negative."""
        return 0.0 if self.infer_is_positive and (target >= 0).all() else None
