"""What Chronos is configured and initialized with."""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from forecast.core.adapter import Backend
from forecast.core.model_settings import ModelSettings


def _read_backend(value: Any) -> Any:
    return "gpu" if value == "cuda" else value


class ChronosSettings(ModelSettings, env_prefix="CHRONOS_"):
    """The settings of Chronos; the names that torch and Hugging Face users know are taken too."""

    default_backend: Annotated[Backend, BeforeValidator(_read_backend)] = Field(
        "cpu",
        validation_alias=AliasChoices("CHRONOS_DEFAULT_BACKEND", "CHRONOS_DEVICE"),
        description="The backend used when an initialization names none; `cuda` is the same as `gpu`.",
    )
    default_checkpoint: str | None = Field(
        "amazon/chronos-2",
        validation_alias=AliasChoices("CHRONOS_DEFAULT_CHECKPOINT", "CHRONOS_MODEL_ID"),
        description="The Hub repository of the weights: Chronos-2, or any Chronos-Bolt or Chronos-T5.",
    )
    model_port: int = Field(8002, ge=1, le=65535, description="The model's port as a service of its own.")
