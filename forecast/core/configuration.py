"""What a model is asked to be loaded with, held against what it can do and what it is loaded with."""

from pathlib import Path
from typing import Any

from forecast.core.adapter import Adapter, Capabilities, ModelConfig
from forecast.core.checkpoint import pin_checkpoint
from forecast.core.errors import BackendError, ConfigConflictError, NotSupportedError, RequestError
from forecast.core.licence import require_same_acceptance
from forecast.core.model_settings import ModelSettings
from forecast.core.precision import check_precision
from forecast.core.schemas import InitializationRequest


def choose_config(
    adapter: Adapter[Any], settings: ModelSettings, request: InitializationRequest, folder: Path
) -> ModelConfig:
    """Return the configuration that a request asks for; `folder` is the model's own.

    Raises BackendError and NotSupportedError where the model cannot be loaded so, and CheckpointError where
    the version of a checkpoint cannot be found out.
    """
    if settings.default_checkpoint is None and request.names_weights:
        raise NotSupportedError(f"The model '{adapter.model_id}' has no weights to choose.")
    config = settings.resolve(request, folder)
    known = adapter.capabilities
    if config.backend not in known.backends:
        reason = " No model of this gateway runs on TPUs." if config.backend == "tpu" else ""
        raise BackendError(
            f"Backend '{config.backend}' is not available for '{adapter.model_id}';"
            f" available: {', '.join(known.backends)}.{reason}",
            details={"requested": config.backend, "available": list(known.backends)},
        )
    check_precision(config.precision, known.precisions, config.backend)
    return pin_checkpoint(config)


def require_same(loaded: ModelConfig, asked: ModelConfig) -> None:
    """Raise ConfigConflictError, showing both, where a model is loaded with another configuration.

    Raises LicenceError where that was accepted under a licence that the asked one is not.
    """
    have, want = _identity(loaded), _identity(asked)
    differing = [name for name in want if want[name] != have[name]]
    if differing:
        raise ConfigConflictError(
            f"The model is loaded with another {', '.join(differing)}; shut it down first.",
            details={"loaded": have, "requested": want},
        )
    require_same_acceptance(loaded, asked)


def _identity(config: ModelConfig) -> dict[str, Any]:
    # Neither where the operator's files lie, nor what was dared or accepted, makes it another model.
    beside = ("force", "accept_licence")
    return {name: value for name, value in config.for_callers().items() if name not in beside}


def check_lengths(config: ModelConfig, limits: Capabilities) -> None:
    """Raise RequestError where the configured context or horizon is beyond a checkpoint's limits."""
    for name, asked, limit in (
        ("context_len", config.context_len, limits.max_context),
        ("horizon_len", config.horizon_len, limits.max_horizon),
    ):
        if asked is not None and limit is not None and asked > limit:
            raise RequestError(f"{name} {asked} is above this model's limit of {limit}.")
