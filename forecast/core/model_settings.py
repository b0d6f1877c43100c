"""The settings of a model, and the configuration that they make of a request to load it."""

from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import AliasChoices, Field

from forecast.core.adapter import Backend, ModelConfig, Precision
from forecast.core.config import EnvSettings, Words
from forecast.core.schemas import InitializationRequest


class ModelSettings(EnvSettings):
    """The settings of one model; a subclass gives the prefix, as in `CHRONOS_DEFAULT_BACKEND`."""

    default_backend: Backend = Field("cpu", description="The backend used when an initialization names none.")
    default_precision: Precision = Field(
        "float32", description="The precision used when an initialization names none."
    )
    default_context_len: int | None = Field(
        None, ge=1, description="The context used when a request names none; without a default, all history."
    )
    default_horizon_len: int = Field(24, ge=1, description="The horizon used when a request names none.")
    default_checkpoint: str | None = Field(None, description="The Hub repository of the weights.")
    default_local_model_path: str | None = Field(
        None, description="The local checkpoint used when an initialization names no weights."
    )
    default_revision: str | None = Field(None, description="The pinned revision of the checkpoint.")
    batch_size: int | None = Field(None, ge=1, description="The most series in one call of the model.")
    batch_steps: int | None = Field(
        None,
        ge=1,
        description="The most time steps in one call of the model; empty means what suits the backend.",
    )
    local_dir: Path | None = Field(
        None, description="The folder of local checkpoints; empty means the model's own `local/`."
    )
    model_port: int = Field(8000, ge=1, le=65535, description="The model's port as a service of its own.")
    allowed_repositories: Words = Field(
        ("google/*", "amazon/*", "autogluon/*", "ibm-granite/*", "ibm-research/*"),
        validation_alias=AliasChoices("ALLOWED_REPOSITORIES"),
        description="Hub repositories that may be loaded, as comma-separated patterns.",
    )
    mlflow_tracking_uri: str | None = Field(
        None,
        repr=False,
        validation_alias=AliasChoices("MLFLOW_TRACKING_URI"),
        description="The MLflow server that models are loaded from, as `http://127.0.0.1:5000`.",
    )
    mlflow_cache_dir: Path = Field(
        Path("~/.cache/sapheneia/mlflow"),
        validation_alias=AliasChoices("MLFLOW_CACHE_DIR"),
        description="The folder that checkpoints from MLflow are kept in.",
    )
    queue_size: int = Field(
        10_000,
        ge=1,
        validation_alias=AliasChoices("INFERENCE_QUEUE_SIZE"),
        description="The most series that wait for one model; a request beyond it is a 503.",
    )
    queue_bytes: int = Field(
        1_073_741_824,
        ge=1,
        validation_alias=AliasChoices("INFERENCE_QUEUE_BYTES"),
        description="The most memory that the series waiting for one model take; beyond it is a 503 too.",
    )
    timeout_seconds: float = Field(
        300.0,
        gt=0,
        validation_alias=AliasChoices("INFERENCE_TIMEOUT_SECONDS"),
        description="The deadline of an inference that sends no `X-Deadline-Ms`.",
    )
    fit_processes: int = Field(
        0,
        ge=0,
        validation_alias=AliasChoices("FIT_PROCESSES"),
        description="Processes that fit series for one model; 0 means one per core.",
    )
    result_cache_bytes: int = Field(
        67_108_864,
        ge=0,
        validation_alias=AliasChoices("RESULT_CACHE_BYTES"),
        description="The most memory that the remembered forecasts of one model take; 0 remembers none.",
    )
    result_cache_seconds: float = Field(
        300.0,
        gt=0,
        validation_alias=AliasChoices("RESULT_CACHE_SECONDS"),
        description="How long a forecast is remembered.",
    )

    def resolve(self, request: InitializationRequest, folder: Path) -> ModelConfig:
        """Return the configuration that a request asks for, its gaps filled from these settings."""
        asked = request.model_dump(exclude_none=True, exclude={"wait"})
        named = asked.keys() & {"checkpoint", "revision", "local_model_path", "mlflow_model_name"}
        if not named and asked.get("source_type") != "hf":
            asked["local_model_path"] = self.default_local_model_path
        local = asked.get("local_model_path") is not None
        source = "local" if local else "mlflow" if "mlflow_model_name" in asked else "hf"
        own = {name: getattr(self, name) for name in type(self).model_fields}
        values = {name: value for name, value in own.items() if name in ModelConfig.model_fields} | {
            "backend": self.default_backend,
            "precision": self.default_precision,
            "context_len": self.default_context_len,
            "horizon_len": self.default_horizon_len,
            "checkpoint": self.default_checkpoint if source == "hf" else None,
            "revision": self.default_revision if source == "hf" and "checkpoint" not in asked else None,
            "source_type": source,
            "local_dir": self.local_dir or folder / "local",
        }
        return ModelConfig.model_validate(_spell_once(values | asked))


def _spell_once(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with one spelling of what can be spelt in several ways."""
    path = values.get("local_model_path")
    return values | {
        "local_model_path": None if path is None else str(PurePosixPath(path)),
        # The Hub's own default.
        "revision": None if values["revision"] == "main" else values["revision"],
    }
