import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anyio.to_thread import run_sync
from fastapi import FastAPI
from starlette.testclient import TestClient

from forecast.core import inference
from forecast.core.config import Settings
from forecast.core.data.table import Table
from forecast.core.inference import first_of
from forecast.core.lifecycle import ModelService
from forecast.database.connection import Database
from forecast.history.writing import write_table
from forecast.main import create_app
from forecast.models import get_service
from forecast.runs import answering
from forecast.runs.run import RunWork
from forecast.runs.settings import RunSettings
from tests import fake_model
from tests.conftest import AUTHORIZED, MakeApp
from tests.fakes import FakeAdapter

CLIENT = "default"
Put = Callable[..., None]


def demand(item: str, days: int = 30, *, start: str = "2024-01-01", seed: int = 0) -> pd.DataFrame:
    """Return the sales of an item: a week's season, some noise, a promotion now and then."""
    dates = pd.date_range(start, periods=days, freq="D")
    random = np.random.default_rng([seed, *item.encode()])
    promoted = (random.random(days) < 0.2).astype(float)
    values = 20 + 5 * np.sin(np.arange(days) * 2 * np.pi / 7) + 8 * promoted + random.normal(size=days)
    return pd.DataFrame({"item_id": item, "timestamp": dates, "value": values})


def put(database: Database, frame: pd.DataFrame, dataset: str = "default", client_id: str = CLIENT) -> None:
    """Write observations into a client's dataset."""
    with database.write() as connection:
        write_table(connection, client_id, dataset, Table(frame.reset_index(drop=True)))


@pytest.fixture
def items(database: Database) -> pd.DataFrame:
    """Three items, of which the first has a longer history."""
    frame = pd.concat([demand("A", 60), demand("B", 40), demand("C", 30)])
    put(database, frame)
    return frame


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> FastAPI:
    """A gateway on a database of each kind in turn, with the fake model."""
    return make_app(database_url=database_url)


@pytest.fixture
def through_service(
    make_app: MakeApp, database_url: str, serve: Callable[[FastAPI], str], tmp_path: Path
) -> Iterator[TestClient]:
    """A client of a gateway whose fake model is in a service of its own, loaded."""
    url = serve(make_app(database_url=f"sqlite:///{tmp_path}/service.db"))
    fake_model.service.initialize()
    app = make_app(database_url=database_url, model_service_urls=f"fake={url}")
    with TestClient(app, headers=AUTHORIZED) as client:
        yield client


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of that gateway, whose fake model is loaded."""
    with TestClient(app, headers=AUTHORIZED) as client:
        assert client.post("/forecast/v1/fake/initialization", json={}).status_code == 200
        yield client


@pytest.fixture
def statistics(make_settings: Callable[..., Settings], database_url: str) -> Iterator[TestClient]:
    """A client of a gateway whose statsforecast is loaded."""
    app = create_app(make_settings(database_url=database_url, model_name="statsforecast"))
    with TestClient(app, headers=AUTHORIZED) as client:
        client.post("/forecast/v1/statsforecast/initialization", json={}).raise_for_status()
        yield client
    get_service("statsforecast").shutdown()


@pytest.fixture
def make_work(
    fake: FakeAdapter, make_settings: Callable[..., Settings], database: Database
) -> Iterator[Callable[..., RunWork]]:
    """Makes the work of runs on the fake model, which is loaded, and statsforecast, which is not."""
    statistics = get_service("statsforecast")
    services: dict[str, ModelService[Any]] = {"fake": fake_model.service, "statsforecast": statistics}

    def make(patience: float | None = None, **changes: Any) -> RunWork:
        return RunWork(make_settings(**changes), RunSettings(), database, services, {}, patience)

    fake_model.service.initialize()
    yield make
    statistics.shutdown()


@pytest.fixture
def heed_deadlines_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[threading.Event], None]:
    """Lets forecasts by name look at their deadline only after something has happened, however late."""

    def heed(event: threading.Event) -> None:
        began = time.monotonic()
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() if event.is_set() else began)

        async def wait(work: Any, gone: Any, patience: Any) -> Any:
            assert await run_sync(event.wait, 60)
            return await first_of(work, gone, patience)

        monkeypatch.setattr(inference, "time", clock)
        monkeypatch.setattr(answering, "first_of", wait)

    return heed


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    """Return the answer to a forecast by name of the fake model."""
    answer = client.post("/api/v1/forecast", json={"model": "fake", "prediction_length": 4} | body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told
