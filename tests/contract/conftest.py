from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.adapter import Capabilities
from forecast.core.config import Settings
from forecast.main import create_app
from forecast.models import MODEL_REGISTRY, get_available_models, get_service
from tests.conftest import AUTHORIZED, KEY, ROOT


@dataclass(frozen=True)
class Model:
    """A model of the registry, loaded from a tiny checkpoint in the genuine format."""

    model_id: str
    client: TestClient
    limits: Capabilities
    initialization: dict[str, Any]

    def post(self, action: str, body: dict[str, Any], **headers: str) -> Any:
        return self.client.post(f"/forecast/v1/{self.model_id}/{action}", json=body, headers=headers)

    def forecast(self, table: dict[str, Any], roles: dict[str, str] | None = None, **parameters: Any) -> Any:
        return self.post(
            "inference",
            {"data": table, "data_definition": roles or {"y": "target"}, "parameters": parameters},
        )


@pytest.fixture(scope="package", params=get_available_models())
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    model_id: str = request.param
    folder = tmp_path_factory.mktemp(model_id)
    body = import_module(f"{MODEL_REGISTRY[model_id]['module']}.tests.tiny").write(folder)
    settings = Settings(
        api_secret_key=KEY,
        data_dir=ROOT / "data",
        log_dir=tmp_path_factory.mktemp("logs"),
        initialize_on_start=(),
        rate_limit_enabled=False,
    )
    service = get_service(model_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"{model_id.upper()}_LOCAL_DIR", str(folder))
        service.__dict__.pop("settings", None)
        with TestClient(create_app(settings), headers=AUTHORIZED) as client:
            made = client.post(f"/forecast/v1/{model_id}/initialization", json=body)
            assert made.status_code == 200, made.text
            _, ready = service.require_ready()
            yield Model(model_id, client, ready.limits, body)
        service.__dict__.pop("settings", None)
