"""A real gateway with one model more, held back by files: `python -m tests.page.gateway PORT FOLDER [bare]`.

FOLDER gets a tiny Chronos, the samples and the uploads; a bare one has no Chronos and loads nothing at its
start. The model "fake" waits while FOLDER/hold-load or FOLDER/hold-forecast is there, and leaves FOLDER/held
when it begins to wait.
"""

import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from forecast.core.adapter import DECILES, Capabilities
from forecast.core.config import Settings
from forecast.main import create_app
from forecast.models import MODEL_REGISTRY
from scripts.serve import KEEP_ALIVE_SECONDS
from tests import fake_model
from tests.conftest import KEY, ROOT
from tests.fakes import FakeAdapter


def main(port: int, folder: Path, *, bare: bool) -> None:
    """Serve until a signal ends it."""
    if not bare:
        from forecast.models.chronos.tests import tiny

        tiny.write(folder)
    shutil.copytree(ROOT / "data/samples", folder / "data/samples", dirs_exist_ok=True)
    (folder / "data/uploads").mkdir(exist_ok=True)
    entry: Any = {
        **MODEL_REGISTRY["statsforecast"],
        "name": "Slow model",
        "description": "Repeats the last value when it is let.",
        "module": "tests.fake_model",
        "router_path": "tests.fake_model",
        "service_path": "tests.fake_model",
    }
    MODEL_REGISTRY["fake"] = entry
    FakeAdapter.capabilities = Capabilities(max_context=512, max_horizon=100, native_levels=DECILES)
    fake_model.adapter.on_load = wait_while(folder / "hold-load", folder / "held")
    hold = wait_while(folder / "hold-forecast", folder / "held")
    fake_model.adapter.on_predict = lambda tasks: (
        None if tasks[0].series.unique_id == "warm-up" else hold(tasks)
    )
    settings = Settings(
        api_secret_key=KEY,
        data_dir=folder / "data",
        log_dir=folder / "logs",
        database_url=f"sqlite:///{folder}/sapheneia.db",
        rate_limit_enabled=False,
        initialize_on_start=() if bare else ("statsforecast",),
    )
    uvicorn.run(
        create_app(settings),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,  # by uvicorn's own 5 s it would close what the page just uses
    )


def wait_while(barrier: Path, told: Path) -> Callable[[object], None]:
    """Return a function that returns when a file is no longer there, and says that it waits by another."""

    def wait(_: object) -> None:
        if barrier.exists():
            told.touch()
        while barrier.exists():
            threading.Event().wait(0.01)

    return wait


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), bare="bare" in sys.argv[3:])
