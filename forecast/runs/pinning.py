"""Keeping to the weights that a run began with, wherever its parts are computed."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forecast.core.adapter import ModelConfig
from forecast.core.errors import (
    AbandonedError,
    ConfigConflictError,
    InitializingError,
    NotInitializedError,
)
from forecast.core.lifecycle import ModelService
from forecast.core.schemas import InitializationRequest
from forecast.core.snapshot import Ready

Pinned = Mapping[str, Any]
_NAMES = (
    "backend",
    "precision",
    "context_len",
    "horizon_len",
    "checkpoint",
    "revision",
    "local_model_path",
    "mlflow_model_name",
    "mlflow_model_version",
    "source_type",
)
_OF_WEIGHTS = ("source", "precision", "fingerprint")
_OF_A_SERVICE = (*_OF_WEIGHTS, "backend", "context_len", "horizon_len", "model_version")
_PAUSE_SECONDS = 0.25


def pin(config: ModelConfig, ready: Ready[Any] | None = None) -> dict[str, Any]:
    """Return what tells the weights of a configuration, and how they compute, as JSON keeps it.

    Of a model that is loaded that is also which weights were found at their source.
    """
    kept = config.model_dump(mode="json", include={*_NAMES, "accept_licence"}) | {"source": config.source}
    if ready is not None and ready.weights is not None:
        kept["fingerprint"] = ready.weights.fingerprint
    return {name: value for name, value in kept.items() if value is not None}


def check_pinned(model_id: str, now: Pinned, pinned: Pinned) -> None:
    """Raise ConfigConflictError where a model is loaded otherwise than it was when the run began."""
    if _is_local(pinned):
        differing = [name for name in _NAMES if now.get(name) != pinned.get(name)]
        _refuse(model_id, now, pinned, differing + _differing(now, pinned, ("fingerprint",)))
    else:
        _refuse(model_id, now, pinned, _differing(now, pinned, _OF_WEIGHTS))


def check_service(model_id: str, now: Pinned, pinned: Pinned) -> None:
    """Raise ConfigConflictError where a service tells otherwise than it was told when the run began."""
    _refuse(model_id, now, pinned, _differing(now, pinned, _OF_A_SERVICE))


def _is_local(pinned: Pinned) -> bool:
    """Return whether a run began in a process with the model, and not in one that asks a service."""
    return "source_type" in pinned


def _differing(now: Pinned, pinned: Pinned, names: Sequence[str]) -> list[str]:
    # A part of an earlier version has no precision where its service told of no weights.
    told = [name for name in names if name != "precision" or pinned.get(name) is not None]
    return [name for name in told if name in now and name in pinned and now[name] != pinned[name]]


def _refuse(model_id: str, now: Pinned, pinned: Pinned, differing: Sequence[str]) -> None:
    if differing:
        raise ConfigConflictError(
            f"The model '{model_id}' is loaded with another {', '.join(differing)} than when this run began;"
            " its forecasts would be of two models.",
            details={"loaded": now, "requested": dict(pinned)},
        )


def make_ready(
    service: ModelService[Any], pinned: Pinned, cancelled: Callable[[], bool]
) -> tuple[ModelConfig, Ready[Any]]:
    """Return the loaded model, loaded as it was when the run began; waits while it loads or drains.

    Raises ConfigConflictError where it is loaded otherwise, AbandonedError where the run is cancelled, and
    the errors of a load.
    """
    while True:
        if cancelled():
            raise AbandonedError("The run was cancelled before the model was loaded.")
        try:
            return require_pinned(service, pinned)
        except NotInitializedError:
            pass
        now = service.snapshot
        if now.status == "initializing" or now.draining:
            time.sleep(_PAUSE_SECONDS)
            continue
        try:
            service.initialize(_request(service, pinned), now)
        except InitializingError:
            continue  # somebody else was faster


def require_pinned(service: ModelService[Any], pinned: Pinned) -> tuple[ModelConfig, Ready[Any]]:
    """Return the loaded model; raise NotInitializedError, or ConfigConflictError as check_pinned does."""
    config, ready = service.require_ready()
    check_pinned(service.adapter.model_id, pin(config, ready), pinned)
    return config, ready


def _request(service: ModelService[Any], pinned: Pinned) -> InitializationRequest:
    if not _is_local(pinned):
        return InitializationRequest()  # what a service has is known by its name only
    # A model without weights takes no names of any.
    left_out = {"source", "fingerprint"} | (set() if _has_weights(service) else {"source_type"})
    return InitializationRequest(**{name: value for name, value in pinned.items() if name not in left_out})


def _has_weights(service: ModelService[Any]) -> bool:
    return service.settings.default_checkpoint is not None
