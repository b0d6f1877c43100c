"""What the registry says of models, and what settings may say of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import forecast.main
from forecast.core.config import SettingsError
from forecast.models import MODEL_REGISTRY, SPEEDS, get_available_models, get_model_info, require_active
from scripts.gateway import read_settings
from tests.conftest import KEY, ROOT, MakeApp


@pytest.mark.parametrize("model_id", get_available_models())
def test_every_model_says_what_a_newcomer_chooses_by(model_id: str) -> None:
    info = get_model_info(model_id)
    assert info["speed"] in SPEEDS
    assert info["memory_bytes"] is not None
    assert 100e6 < info["memory_bytes"] < 10e9
    assert info["licence"]
    assert info["commercial_use"]
    assert info["use_it_when"][0].islower()


def test_the_models_are_listed_with_licence_memory_and_speed(make_app: MakeApp) -> None:
    with TestClient(make_app(model_name="all")) as client:
        listed = {model["id"]: model for model in client.get("/models").json()["models"]}
    chronos = listed["chronos"]
    assert (chronos["licence"], chronos["commercial_use"]) == ("Apache-2.0", True)
    assert (chronos["memory_bytes"], chronos["speed"]) == (1_040_000_000, "fast")
    assert chronos["path"] == "/forecast/v1/chronos"
    assert "module" not in chronos


def test_a_planned_model_is_listed_with_its_licence_and_not_served(client: TestClient) -> None:
    (planned,) = [model for model in client.get("/models").json()["models"] if model["status"] == "planned"]
    assert (planned["id"], planned["licence"]) == ("timesfm3", "timesfm-non-commercial-license-v1.0")
    assert (planned["commercial_use"], planned["path"], planned["capabilities"]) == (False, None, None)
    assert planned["model_status"] == "not served here"
    assert "timesfm3" not in get_available_models()
    assert client.get("/forecast/v1/timesfm3/status").status_code == 404


def test_ports_are_told_apart() -> None:
    ports = [entry["default_port"] for entry in MODEL_REGISTRY.values()]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["cronos"], "X names no model: 'cronos' (did you mean 'chronos'?)"),
        (["chronos", "timesfm3"], "X names no model: 'timesfm3' (planned)"),
        (["prophett", "zzz"], "'prophett' (did you mean 'prophet'?), 'zzz' (known: chronos,"),
    ],
)
def test_a_name_that_is_no_model_is_refused_with_the_nearest_one(names: list[str], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        require_active("X", names)
    assert told in str(refused.value)
    require_active("X", get_available_models())


@pytest.mark.parametrize("setting", ["INITIALIZE_ON_START", "MODEL_NAME"])
def test_setup_ends_in_one_line_where_a_setting_names_no_model(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("API_SECRET_KEY", KEY)
    monkeypatch.setenv(setting, "cronos")
    for start in (read_settings, lambda: forecast.main.app):
        with pytest.raises(SystemExit) as ended:
            start()
        assert ended.value.code == f"error: {setting} names no model: 'cronos' (did you mean 'chronos'?)"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            {"INITIALIZE_ON_START": "cronos"},
            ["error: INITIALIZE_ON_START names no model: 'cronos' (did you mean 'chronos'?)"],
        ),
        (
            {"API_SECRET_KEY": "my secret", "ENVIRONMENT": "production"},
            [
                "error: the settings in .env or the environment are not valid",
                "  together: Value error, in production API_SECRET_KEY must have at least 32 characters"
                " and not be the template's",
            ],
        ),
        (
            {"CHRONOS_DEFAULT_PRECISION": "fp8", "PROPHET_DEFAULT_CONTEXT_LEN": "abc", "FIT_PROCESSES": "-1"},
            [
                "error: the settings in .env or the environment are not valid",
                "  FIT_PROCESSES: Input should be greater than or equal to 0",
                "  PROPHET_DEFAULT_CONTEXT_LEN: Input should be a valid integer, unable to parse string as an"
                " integer",
                "  CHRONOS_DEFAULT_PRECISION: Input should be 'float32', 'bfloat16' or 'int8'",
            ],
        ),
    ],
)
def test_the_server_ends_without_a_traceback_where_settings_are_wrong(
    tmp_path: Path, setting: dict[str, str], told: list[str]
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "uvicorn", "forecast.main:app", "--app-dir", str(ROOT), "--port", "0"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "API_SECRET_KEY": KEY, **setting},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (ran.returncode, ran.stderr.splitlines()) == (1, told)
