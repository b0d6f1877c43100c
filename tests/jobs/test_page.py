from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from forecast.core.config import Settings
from forecast.main import create_app
from forecast.models import get_service
from tests.conftest import KEY, ROOT
from tests.pages import run_page

PAGE = ROOT / "docs/jobs.md"


@pytest.fixture
def statsforecast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The model, loaded as the gateway does at its start."""
    monkeypatch.setenv("FIT_PROCESSES", "1")
    service = get_service("statsforecast")
    service.__dict__.pop("settings", None)
    service.initialize()
    yield
    service.shutdown()
    service.__dict__.pop("settings", None)


@pytest.mark.usefixtures("statsforecast")
def test_every_command_of_the_page_runs_as_it_stands(
    tmp_path: Path, make_settings: Callable[..., Settings], serve: Callable[[FastAPI], str]
) -> None:
    (tmp_path / ".env").write_text(f"API_SECRET_KEY={KEY}\n")
    _, said = run_page(PAGE, serve(create_app(make_settings())), tmp_path)
    assert "succeeded 2 of 2 items /api/v1/forecasts/" in said
