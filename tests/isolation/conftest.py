from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.config import Settings
from forecast.main import create_app
from tests.conftest import AUTHORIZED
from tests.fakes import FakeAdapter
from tests.isolation.belongings import EXPLODES

NOBODY = "http://127.0.0.1:9"
"""Where no receiver of webhooks is."""


@pytest.fixture
def gateway(
    fake: FakeAdapter,
    make_settings: Callable[..., Settings],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TestClient]:
    """The administrator's client of a gateway, whose model fails at some items."""
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("WEBHOOK_ATTEMPTS", "1")
    monkeypatch.setenv("DEFAULT_MODEL", "fake")

    def explode(tasks: Any) -> None:
        for task in tasks:
            if task.series.unique_id.endswith(EXPLODES):
                raise RuntimeError(f"the model fell over {task.series.unique_id}")

    data = tmp_path / "data"
    data.mkdir()
    app = create_app(make_settings(database_url=database_url, data_dir=data, model_name="fake"))
    with TestClient(app, headers=AUTHORIZED, raise_server_exceptions=False) as client:
        assert client.post("/forecast/v1/fake/initialization", json={}).status_code == 200
        fake.on_predict = explode
        yield client
