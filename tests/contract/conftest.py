from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.adapter import Capabilities
from forecast.core.config import Settings
from forecast.main import create_app
from forecast.models import MODEL_REGISTRY, get_available_models, get_service
from scripts.model_kinds import list_kinds
from tests.conftest import AUTHORIZED, KEY, ROOT


@dataclass(frozen=True)
class Model:
    """A model of the registry, loaded from a tiny checkpoint in the genuine format."""

    model_id: str
    client: TestClient
    limits: Capabilities
    initialization: dict[str, Any]
    family: str | None = None

    @property
    def name(self) -> str:
        """Return the name by which the tables of docs/models.md know what is loaded."""
        return f"{self.model_id} {self.family}" if self.family else _FIRST[self.model_id]

    @property
    def fits(self) -> bool:
        """Return whether it is fitted to each series anew, which takes a good part of a second."""
        return get_service(self.model_id).require_ready()[1].weights is None

    def post(self, action: str, body: dict[str, Any], **headers: str) -> Any:
        return self.client.post(f"/forecast/v1/{self.model_id}/{action}", json=body, headers=headers)

    def forecast(self, table: dict[str, Any], roles: dict[str, str] | None = None, **parameters: Any) -> Any:
        return self.post(
            "inference",
            {"data": table, "data_definition": roles or {"y": "target"}, "parameters": parameters},
        )


# A model's first family is what its tiny checkpoint is, so that the fixture loads it but once.
_FIRST = {one.model_id: one.name for one in reversed(list_kinds())}
KINDS = get_available_models() + [one.name for one in list_kinds() if one.name not in _FIRST.values()]
every_kind = pytest.mark.parametrize("model", KINDS, indirect=True)
"""Runs a test with each family of each model's checkpoints."""


def write_checkpoint(model_id: str, family: str, folder: Path) -> dict[str, Any]:
    """Return the body that loads a tiny checkpoint of a family; without a name, of the model's first."""
    tiny = import_module(f"{MODEL_REGISTRY[model_id]['module']}.tests.tiny")
    write = tiny.FAMILIES[family] if family else tiny.write
    body: dict[str, Any] = write(folder)
    return body


@pytest.fixture(scope="package", params=get_available_models())
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A model by its ID, or with `every_kind` one family of its checkpoints."""
    model_id, _, family = request.param.partition(" ")
    folder = tmp_path_factory.mktemp(model_id)
    body = write_checkpoint(model_id, family, folder)
    logs = tmp_path_factory.mktemp("logs")
    settings = Settings(
        api_secret_key=KEY,
        data_dir=ROOT / "data",
        log_dir=logs,
        database_url=f"sqlite:///{logs}/sapheneia.db",
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
            yield Model(model_id, client, ready.limits, body, family)
        service.__dict__.pop("settings", None)
