import os
import sys
from pathlib import Path

import pytest
from uvicorn.main import main

from scripts import serve

SET = (
    "OMP_WAIT_POLICY",
    "ARROW_DEFAULT_MEMORY_POOL",
    "UVICORN_TIMEOUT_KEEP_ALIVE",
    "UVICORN_TIMEOUT_WORKER_HEALTHCHECK",
    "METRICS_DIR",
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable that a start sets is set, and what it sets goes with the test."""
    for name in SET:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.delenv("UVICORN_WORKERS", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def start(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, str]:
    monkeypatch.setattr(sys, "argv", ["serve", "forecast.main:app", *arguments])
    serve.prepare()
    return {name: os.environ[name] for name in SET if name in os.environ}


def test_connections_and_busy_processes_are_kept_for_longer_than_uvicorn_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert start(monkeypatch, "--port", "8000") == {
        "OMP_WAIT_POLICY": "PASSIVE",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "UVICORN_TIMEOUT_KEEP_ALIVE": "75",
        "UVICORN_TIMEOUT_WORKER_HEALTHCHECK": "60",
    }
    told = main.make_context("uvicorn", ["forecast.main:app"]).params
    assert (told["timeout_keep_alive"], told["timeout_worker_healthcheck"]) == (75, 60)


def test_what_the_operator_sets_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "OMP_WAIT_POLICY": "ACTIVE",
        "ARROW_DEFAULT_MEMORY_POOL": "mimalloc",
        "UVICORN_TIMEOUT_KEEP_ALIVE": "5",
        "UVICORN_TIMEOUT_WORKER_HEALTHCHECK": "10",
        "METRICS_DIR": str(tmp_path / "own"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert start(monkeypatch, "--workers", "2") == given


@pytest.mark.parametrize(("arguments", "variable"), [(("--workers", "2"), None), ((), "2")])
def test_several_processes_share_a_folder_of_their_own(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv("UVICORN_WORKERS", variable)
    folder = Path(start(monkeypatch, *arguments)["METRICS_DIR"])
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
