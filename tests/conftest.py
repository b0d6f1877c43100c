import gc
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import settings as hypothesis_settings
from starlette.testclient import TestClient

from forecast.core.config import Settings
from forecast.core.figures import Figures
from forecast.main import create_app
from forecast.models import MODEL_REGISTRY
from tests import fake_model
from tests.databases import (  # noqa: F401 - fixtures of every folder of tests
    database,
    database_url,
    migrated_postgres,
    migrated_sqlite,
    open_database,
    own_postgres,
    postgres,
)
from tests.fakes import FakeAdapter
from tests.serving import serving
from tests.sharing import (  # noqa: F401 - hooks of pytest and of its plugin xdist
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

ROOT = Path(__file__).parents[1]
KEY = "test-key-of-more-than-thirty-two-characters"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# The tests share the cores already: threads of tiny models would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["RESULT_CACHE_BYTES"] = "0"  # models compute whatever is asked, however often
os.environ["ENV_FILE"] = "/nonexistent"  # no developer's .env reaches a test

# No time is asserted on: a busy machine must not fail a test.
hypothesis_settings.register_profile("quick", deadline=None, max_examples=40)
hypothesis_settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

MakeApp = Callable[..., FastAPI]


@pytest.fixture(scope="module", autouse=True)
def collected() -> None:
    """Let the collector pass over all libraries and tests: each shutdown of a model has it run."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAdapter]:
    """The adapter of a model that the registry lists for the length of a test."""
    entry: Any = {
        **MODEL_REGISTRY["statsforecast"],
        "name": "Fake",
        "status": "active",
        "module": "tests.fake_model",
        "router_path": "tests.fake_model",
        "service_path": "tests.fake_model",
    }
    monkeypatch.setitem(MODEL_REGISTRY, "fake", entry)
    adapter = fake_model.adapter
    adapter.__init__()  # type: ignore[misc]
    fake_model.service.__dict__.pop("settings", None)
    fake_model.service.figures = Figures("fake")
    yield adapter
    fake_model.service.shutdown()
    while fake_model.service.snapshot.draining:  # as a load does that a test has just let go on
        threading.Event().wait(0.005)


@pytest.fixture
def make_settings(
    tmp_path: Path,
    migrated_sqlite: Path,  # noqa: F811 - the fixture of that name
) -> Callable[..., Settings]:
    """Make settings of a gateway, whose database has all tables already: making them takes a while."""
    kept = tmp_path / "gateway.db"
    shutil.copy(migrated_sqlite, kept)

    def make(**changes: Any) -> Settings:
        given: dict[str, Any] = {
            "api_secret_key": KEY,
            "data_dir": ROOT / "data",
            "log_dir": tmp_path / "logs",
            "database_url": f"sqlite:///{kept}",
            "initialize_on_start": (),
            "rate_limit_enabled": False,
        }
        return Settings(**(given | changes))

    return make


@pytest.fixture
def make_app(fake: FakeAdapter, make_settings: Callable[..., Settings]) -> MakeApp:
    """Make a gateway that has the fake model alone, unless it is told otherwise or passes models on.

    The routes of all models would take longer to build than most tests take.
    """

    def make(**changes: Any) -> FastAPI:
        alone = {} if "model_service_urls" in changes else {"model_name": "fake"}
        return create_app(make_settings(**(alone | changes)))

    return make


@pytest.fixture
def client(make_app: MakeApp) -> Iterator[TestClient]:
    """A client with the right key, of a gateway that has the fake model."""
    with TestClient(make_app(), headers=AUTHORIZED) as client:
        yield client


@pytest.fixture
def serve() -> Iterator[Callable[[FastAPI], str]]:
    """Starts an app on a real server on a free port and returns its URL."""
    with serving(ws="none") as start:
        yield lambda app: f"http://{start(app)}"
