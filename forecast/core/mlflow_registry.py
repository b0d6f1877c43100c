"""The model registry of an MLflow server: which version is meant, and whether anybody answers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NoReturn
from urllib.parse import urlsplit

from forecast.core.adapter import ModelConfig
from forecast.core.errors import CheckpointError
from forecast.core.libraries import import_libraries

SERVER_TIMEOUT_SECONDS = 4.0
# Read by the library from the environment only; the operator's own values win.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # its makers would be told of every start
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # seven by default, which takes four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def pin_version(config: ModelConfig) -> ModelConfig:
    """Return the configuration with the version that its alias, its stage, or neither (the latest) means now.

    Raises CheckpointError where the server has no such model or version, or does not answer.
    """
    if config.mlflow_model_version is not None:
        return config
    with ask_registry(config) as client:
        version = find_version(config, client.get_registered_model(config.mlflow_model_name))
    found = {"mlflow_model_version": version, "mlflow_model_alias": None, "mlflow_model_stage": None}
    return config.model_copy(update=found)


def find_version(config: ModelConfig, model: Any) -> str:
    """Return the version of a registered model that is meant; raise CheckpointError where there is none."""
    latest = sorted(model.latest_versions, key=lambda version: int(version.version))
    alias, stage = config.mlflow_model_alias, (config.mlflow_model_stage or "").capitalize()
    if alias:
        return _look_up(config, "alias", alias, model.aliases)
    if stage:
        return _look_up(config, "stage", stage, {one.current_stage: one.version for one in latest})
    if not latest:
        raise CheckpointError(f"The MLflow model '{config.mlflow_model_name}' has no version.")
    return str(latest[-1].version)


def _look_up(config: ModelConfig, kind: str, asked: str, known: dict[str, Any]) -> str:
    if asked not in known:
        raise CheckpointError(
            f"The MLflow model '{config.mlflow_model_name}' has no version of {kind} '{asked}';"
            f" there is: {', '.join(sorted(known)) or 'none'}."
        )
    return str(known[asked])


@contextmanager
def ask_registry(config: ModelConfig) -> Iterator[Any]:
    """Lend MLflow's client of the server, and turn what it raises into a CheckpointError.

    Raises it also where no server is set, and within ten seconds where the server does not answer.
    """
    uri = _server_of(config)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import_libraries("mlflow")
    from google.protobuf.json_format import ParseError
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    _require_answer(uri)
    try:
        yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except (MlflowException, OSError, ParseError, ValueError) as error:
        _refuse(config, error)


def _server_of(config: ModelConfig) -> str:
    uri = config.mlflow_tracking_uri
    if uri is None:
        raise CheckpointError("No MLflow server is set here; the setting MLFLOW_TRACKING_URI names one.")
    if urlsplit(uri).scheme not in ("http", "https"):
        raise CheckpointError("The setting MLFLOW_TRACKING_URI is no http(s) address of an MLflow server.")
    if find_spec("mlflow") is None:
        raise CheckpointError("MLflow's client is not installed here; the extra 'mlflow' brings it.")
    return uri.rstrip("/")


def _require_answer(uri: str) -> None:
    """Ask once whether the server is there: a client's first call would try for minutes."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    host = get_default_host_creds(uri)
    try:
        http_request(
            host, "/health", "GET", max_retries=0, timeout=SERVER_TIMEOUT_SECONDS, raise_on_status=False
        )
    except MlflowException as error:
        raise CheckpointError(
            "The MLflow server does not answer. Check that it runs where MLFLOW_TRACKING_URI says."
        ) from error


def _refuse(config: ModelConfig, error: Exception) -> NoReturn:
    name, version = config.mlflow_model_name, config.mlflow_model_version
    code = getattr(error, "error_code", type(error).__name__)
    if code == "RESOURCE_DOES_NOT_EXIST":
        told = f"The MLflow server has no model '{name}'" + (f" of version {version}." if version else ".")
    else:
        told = (
            f"The MLflow model '{name}' could not be fetched ({code}). If the server asks who you are, set"
            " MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    raise CheckpointError(
        told, details={"mlflow_model_name": name, "mlflow_model_version": version}
    ) from error
