"""The servers that checkpoints come from in these tests: a Hub, and MLflow."""

import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from forecast.core import download, mlflow_registry
from forecast.core import hub as core_hub
from forecast.core.progress import Figures, LoadProgress
from tests.core.weights.hub import Hub, serve
from tests.core.weights.registry import Registry, run_server

PATIENCE_SECONDS = 60
"""How long a server of these tests may take to answer, on a host that is slow or busy."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """An empty Hub, which the genuine client takes for the real one, and an empty cache."""
    hub = Hub()
    server = serve(hub)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)
    for module, name in (
        (core_hub, "HUB_TIMEOUT_SECONDS"),
        (core_hub, "READ_TIMEOUT_SECONDS"),
        (constants, "HF_HUB_ETAG_TIMEOUT"),
        (constants, "HF_HUB_DOWNLOAD_TIMEOUT"),
    ):
        monkeypatch.setattr(module, name, PATIENCE_SECONDS)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


class Recorded(LoadProgress):
    """Keeps all figures; cancels itself when so many bytes are there."""

    def __init__(self, cancel_at: int | None = None) -> None:
        super().__init__()
        self.seen: list[Figures] = []
        self.cancel_at = cancel_at

    def check(self) -> None:
        self.seen.append(self.figures)
        if self.cancel_at is not None and (self.figures.bytes_done or 0) >= self.cancel_at:
            self.cancel()
        super().check()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A real MLflow server, one for all tests: it takes long to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(PATIENCE_SECONDS))
        patch.setattr(mlflow_registry, "SERVER_TIMEOUT_SECONDS", PATIENCE_SECONDS)
        with run_server(tmp_path_factory.mktemp("mlflow")) as registry:
            yield registry
