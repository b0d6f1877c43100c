"""What FlowState is configured with, and the parameters that only it has."""

from pydantic import Field

from forecast.core.adapter import Options
from forecast.core.model_settings import ModelSettings


class FlowStateSettings(ModelSettings, env_prefix="FLOWSTATE91M_"):
    """The settings of FlowState."""

    default_context_len: int | None = Field(
        512, ge=1, description="The context used when a request names none; empty means up to 16384."
    )
    default_checkpoint: str | None = Field(
        "ibm-granite/granite-timeseries-flowstate-r1", description="The Hub repository of the weights."
    )
    model_port: int = Field(8005, ge=1, le=65535, description="The model's port as a service of its own.")


class FlowStateOptions(Options):
    """The pace of the model's clock."""

    scale_factor: float | None = Field(
        None,
        ge=1e-4,
        le=24,
        description="24 divided by the steps of a season; by default from `season_length` and the frequency.",
    )
