"""A real MLflow server on loopback, and what a test puts into its registry."""

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@dataclass(frozen=True)
class Registry:
    """The registry of the server at `uri`, and its own client."""

    uri: str
    client: Any

    def publish(self, name: str, files: Path, *, alias: str | None = None, stage: str | None = None) -> str:
        """Log a folder as the artifacts of a run, register it as the next version, and return its number."""
        run = self.client.create_run("0")
        self.client.log_artifacts(run.info.run_id, str(files), "model")
        return self.register(
            name, f"{run.info.artifact_uri}/model", run.info.run_id, alias=alias, stage=stage
        )

    def register(
        self,
        name: str,
        source: str,
        run_id: str | None,
        *,
        alias: str | None = None,
        stage: str | None = None,
    ) -> str:
        if not any(model.name == name for model in self.client.search_registered_models()):
            self.client.create_registered_model(name)
        made = self.client.create_model_version(name, source, run_id, await_creation_for=0)
        version = str(made.version)
        if alias:
            self.client.set_registered_model_alias(name, alias, version)
        if stage:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated, yet in use
                self.client.transition_model_version_stage(name, version, stage)
        return version


@contextmanager
def run_server(folder: Path) -> Iterator[Registry]:
    """Run `mlflow server` with its database and its artifacts in a folder."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination": str(folder / "artifacts"),
    }
    words = [word for option in options.items() for word in option]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *words],
            cwd=folder,
            env=os.environ | ENVIRONMENT,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that its own children end with it
        )
    try:
        while not _answers(uri):
            assert server.poll() is None, (folder / "server.log").read_text()
            threading.Event().wait(0.1)
        from mlflow import MlflowClient

        yield Registry(uri, MlflowClient(tracking_uri=uri, registry_uri=uri))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _answers(uri: str) -> bool:
    try:
        return httpx.get(f"{uri}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
