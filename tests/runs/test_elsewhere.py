from collections.abc import Callable
from typing import Any, cast

import pandas as pd
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from forecast.core.config import Settings
from forecast.core.errors import ConfigConflictError, NotInitializedError
from forecast.core.schemas import InitializationRequest
from forecast.database.connection import Database
from forecast.main import create_app
from forecast.runs import elsewhere
from forecast.runs.work import Ask, Part, Work
from tests import fake_model
from tests.conftest import AUTHORIZED, MakeApp
from tests.fakes import FakeAdapter, make_module
from tests.runs.conftest import ask, demand, put


def test_a_model_in_a_service_of_its_own_makes_the_same_forecasts(
    through_service: TestClient,
    database: Database,
    items: pd.DataFrame,
    database_url: str,
    make_settings: Callable[..., Settings],
    fake: FakeAdapter,
) -> None:
    put(database, demand("gappy", 30).drop(index=[11]))
    told = ask(through_service, quantile_levels=[0.1, 0.3])
    with TestClient(create_app(make_settings(database_url=database_url)), headers=AUTHORIZED) as here:
        fake_model.service.initialize()
        wanted = ask(here, quantile_levels=[0.1, 0.3])

    assert told["model_version"] == wanted["model_version"]
    for one, own in zip(told["forecasts"], wanted["forecasts"], strict=True):
        assert one["predictions"] == own["predictions"]
        assert (one["error"] is None) == (own["error"] is None)
        if one["metadata"]:
            assert one["metadata"] | {"data_hash": ""} == own["metadata"] | {"data_hash": ""}


def test_a_model_that_its_service_has_not_loaded_is_a_conflict(
    through_service: TestClient, items: pd.DataFrame
) -> None:
    fake_model.service.shutdown()

    answer = through_service.post("/api/v1/forecast", json={"model": "fake"})

    assert (answer.status_code, answer.json()["error"]) == (409, "MODEL_NOT_INITIALIZED")


def test_a_service_that_cannot_be_reached_is_unavailable(
    make_app: MakeApp, database_url: str, items: pd.DataFrame
) -> None:
    app = make_app(database_url=database_url, model_service_urls="fake=http://127.0.0.1:9")
    with TestClient(app, headers=AUTHORIZED) as client:
        answer = client.post("/api/v1/forecast", json={"model": "fake"})

    assert (answer.status_code, answer.json()["error"]) == (503, "MODEL_SERVICE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) >= 1


def begin(client: TestClient) -> tuple[Work, Ask, Part]:
    """Return the work of a gateway's jobs, and the only part of one that begins now."""
    work: Work = cast(FastAPI, client.app).state.jobs.work
    asked = Ask("forecast", "default", "tests", "fake", {"prediction_length": 4, "dataset": "default"})
    (part,) = work.split(asked, 100)
    return work, asked, part


def test_a_run_whose_service_has_other_weights_meanwhile_ends_instead_of_mixing_two_models(
    through_service: TestClient, items: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(weight: float, **asked: Any) -> None:
        fake_model.service.shutdown()
        monkeypatch.setattr(FakeAdapter, "module", lambda self, loaded: make_module(weight))
        fake_model.service.initialize(InitializationRequest(**asked))

    load(1.0)
    work, asked, part = begin(through_service)
    load(1.0)  # as a restart does
    assert work.compute(asked, part, lambda: False).failed == 0
    for weight, changed, name in ((1.0, {"context_len": 20}, "context_len"), (2.0, {}, "fingerprint")):
        load(weight, **changed)
        with pytest.raises(ConfigConflictError, match=f"another {name} than when this run began"):
            work.compute(asked, part, lambda: False)

    # Where it is loaded anew after its state was read, the answer itself tells.
    monkeypatch.setattr(elsewhere, "read_state", lambda service: {})
    with pytest.raises(ConfigConflictError, match="another fingerprint"):
        work.compute(asked, part, lambda: False)


def test_a_part_whose_service_has_no_model_is_put_off(
    through_service: TestClient, items: pd.DataFrame
) -> None:
    work, asked, part = begin(through_service)
    fake_model.service.shutdown()
    with pytest.raises(NotInitializedError):
        work.compute(asked, part, lambda: False)
    fake_model.service.initialize()
    assert work.compute(asked, part, lambda: False).failed == 0


def test_a_part_whose_service_loads_its_model_when_asked_is_held_against_what_it_then_has(
    make_app: MakeApp, serve: Callable[[FastAPI], str], database_url: str, items: pd.DataFrame
) -> None:
    url = serve(make_app(lazy_initialization=True))
    fake_model.service.initialize()
    app = make_app(database_url=database_url, model_service_urls=f"fake={url}")
    with TestClient(app, headers=AUTHORIZED) as client:
        work, asked, part = begin(client)
        fake_model.service.shutdown()
        assert work.compute(asked, part, lambda: False).failed == 0
        fake_model.service.shutdown()
        fake_model.service.initialize(InitializationRequest(horizon_len=9))
        work, asked, part = begin(client)
        fake_model.service.shutdown()
        with pytest.raises(ConfigConflictError, match="another horizon_len"):
            work.compute(asked, part, lambda: False)
