"""What TimesFM 2.0 is configured and initialized with."""

from pydantic import Field

from forecast.core.model_settings import ModelSettings


class TimesFM20Settings(ModelSettings, env_prefix="TIMESFM20_"):
    """The settings of TimesFM 2.0."""

    default_context_len: int | None = Field(
        512, ge=1, description="The context used when a request names none; empty means up to 2048."
    )
    default_checkpoint: str | None = Field(
        "google/timesfm-2.0-500m-pytorch", description="The Hub repository of the weights."
    )
    model_port: int = Field(8001, ge=1, le=65535, description="The model's port as a service of its own.")
