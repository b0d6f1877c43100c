"""The recipe of docs/adding-a-model.md, followed to the letter: the page's code is served."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import forecast.models
from forecast.core.config import Settings
from forecast.main import create_app
from forecast.models import MODEL_REGISTRY, get_service
from tests.conftest import AUTHORIZED, ROOT
from tests.contract import test_contract
from tests.contract.conftest import Model

PAGE = (ROOT / "docs/adding-a-model.md").read_text()
FILES = dict(re.findall(r"^`(forecast/models/drift/\S+\.py)`\n\n```python\n(.*?)^```$", PAGE, re.S | re.M))
ENTRY = re.findall(r'^```python\n("drift": .*?)^```$', PAGE, re.S | re.M)
PREFIX = "/forecast/v1/drift"
# Ruff looks for a module's file to tell whose it is, and the page's code is in no file.
FIRST_PARTY = ("--config", "lint.isort.known-first-party=['forecast']")
CONTRACT = [
    name
    for name, function in vars(test_contract).items()
    if name.startswith("test_") and list(inspect.signature(function).parameters) == ["model"]
]


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith("forecast.models.drift")]:
        del sys.modules[name]
    vars(forecast.models).pop("drift", None)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the page describes, importable beside the models that there are."""
    root = tmp_path_factory.mktemp("recipe")
    for name, code in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        (path.parent / "__init__.py").touch()
    (root / "forecast/models/drift/__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        beside = [*forecast.models.__path__, str(root / "forecast/models")]
        patch.setattr(forecast.models, "__path__", beside)
        (entry,) = ENTRY
        for model_id, values in ast.literal_eval("{" + entry + "}").items():
            patch.setitem(MODEL_REGISTRY, model_id, values)
        yield root
        forget()


@pytest.fixture
def client(recipe: Path, make_settings: Callable[..., Settings]) -> Iterator[TestClient]:
    with TestClient(create_app(make_settings()), headers=AUTHORIZED) as client:
        made = client.post(f"{PREFIX}/initialization", json={"horizon_len": 3})
        assert (made.status_code, made.json()["model_status"]) == (200, "ready")
        yield client
        client.post(f"{PREFIX}/shutdown")


def forecast_of(client: TestClient, table: Any, roles: Any, **parameters: Any) -> Any:
    answer = client.post(
        f"{PREFIX}/inference", json={"data": table, "data_definition": roles, "parameters": parameters}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["prediction"]


def days(count: int) -> list[str]:
    return [str(np.datetime64("2024-01-01") + step) for step in range(count)]


def test_the_page_has_the_four_files_and_the_entry() -> None:
    assert [Path(name).name for name in FILES] == ["schema.py", "model.py", "endpoints.py", "tiny.py"]
    assert len(ENTRY) == 1


def test_the_model_forecasts_with_its_own_parameter_and_any_quantiles(client: TestClient) -> None:
    table = {"date": days(10), "y": list(range(10))}
    straight = forecast_of(client, table, {"y": "target"}, quantile_levels=[0.05, 0.5, 0.95])
    assert straight["point_forecast"] == [[10.0, 11.0, 12.0]]
    assert straight["quantile_forecast"] == [[[10.0] * 3, [11.0] * 3, [12.0] * 3]]
    damped = forecast_of(client, table, {"y": "target"}, damping=0.5, horizon_len=2)
    assert damped["point_forecast"] == [[9.5, 9.75]]
    refused = client.post(
        f"{PREFIX}/inference",
        json={"data": table, "data_definition": {"y": "target"}, "parameters": {"damping": 2.0}},
    )
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "parameters.damping")


def test_the_model_takes_covariates_through_the_gateways_regression(client: TestClient) -> None:
    promo = [int(step % 5 == 2) for step in range(60)]
    sales = [20 + 30 * flag + 0.01 * step for step, flag in enumerate(promo)]
    roles = {"y": "target", "promo": "dynamic_numerical"}

    def ask(future: list[int]) -> Any:
        table = {"date": days(63), "y": [*sales, None, None, None], "promo": promo + future}
        return forecast_of(client, table, roles)

    plain, promoted = ask([0, 0, 0]), ask([0, 1, 0])
    moved = np.asarray(promoted["quantile_forecast"]) - np.asarray(plain["quantile_forecast"])
    assert promoted["method"] == "covariates_enhanced"
    assert moved[0, 1] == pytest.approx([30.0] * 10, abs=0.1)
    assert moved[0, [0, 2]] == pytest.approx(np.zeros((2, 10)), abs=1e-9)


def test_after_a_shutdown_the_model_is_not_initialized(client: TestClient) -> None:
    assert client.post(f"{PREFIX}/shutdown").json()["model_status"] == "uninitialized"
    assert client.get(f"{PREFIX}/status").json()["model_status"] == "uninitialized"
    body = {"data": {"date": days(3), "y": [1, 2, 3]}, "data_definition": {"y": "target"}, "parameters": {}}
    assert client.post(f"{PREFIX}/inference", json=body).json()["error"] == "MODEL_NOT_INITIALIZED"


def test_the_model_is_told_with_the_others(client: TestClient) -> None:
    (told,) = [model for model in client.get("/models").json()["models"] if model["id"] == "drift"]
    assert (told["name"], told["capabilities"]["min_context"]) == ("Drift", 2)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_model_keeps_the_contract_of_all_models(name: str, client: TestClient) -> None:
    service = get_service("drift")
    _, ready = service.require_ready()
    getattr(test_contract, name)(Model("drift", client, ready.limits, {"horizon_len": 3}))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "command", [["check", *FIRST_PARTY], ["format", "--check"]], ids=lambda words: words[0]
)
def test_the_code_of_the_page_is_clean(command: list[str], name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", "--stdin-filename", name, "-"],
        cwd=ROOT,
        input=FILES[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
