"""What a caller is told of limits that depend on the series, as FlowState's depend on its season."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.core.config import Settings
from forecast.main import create_app
from forecast.models import get_service
from forecast.models.flowstate91m.tests import tiny
from tests.conftest import AUTHORIZED, KEY

Post = Callable[..., Any]


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    folder = tmp_path_factory.mktemp("local")
    body = tiny.write(folder)
    logs = tmp_path_factory.mktemp("logs")
    settings = Settings(
        api_secret_key=KEY,
        log_dir=logs,
        database_url=f"sqlite:///{logs}/sapheneia.db",
        initialize_on_start=(),
        rate_limit_enabled=False,
    )
    service = get_service("flowstate91m")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWSTATE91M_LOCAL_DIR", str(folder))
        service.__dict__.pop("settings", None)
        with TestClient(create_app(settings), headers=AUTHORIZED) as client:
            # A horizon that hours can have and the days of the first forecast cannot.
            loading = body | {"horizon_len": 1500}
            made = client.post("/forecast/v1/flowstate91m/initialization", json=loading)
            assert made.status_code == 200, made.text

            def ask(freq: str, steps: int, **parameters: Any) -> Any:
                dates = pd.date_range("2020-01-01", periods=steps, freq=freq).astype(str).tolist()
                values = (50 + 10 * np.sin(np.arange(steps) * 2 * np.pi / 7)).tolist()
                return client.post(
                    "/forecast/v1/flowstate91m/inference",
                    json={
                        "data": {"date": dates, "y": values},
                        "data_definition": {"y": "target"},
                        "parameters": parameters,
                    },
                )

            yield ask
        service.__dict__.pop("settings", None)


def test_the_horizon_of_the_initialization_serves_series_that_can_have_it(post: Post) -> None:
    hours, days = post("h", 60), post("D", 60)
    assert len(hours.json()["prediction"]["point_forecast"][0]) == 1500
    assert (days.status_code, days.json()["error"]) == (422, "HORIZON_TOO_LONG")
    assert days.json()["detail"] == (
        "A horizon of 1500 is above this model's limit of 603 for a series of frequency 'D' with a season of"
        " 7 steps."
    )


def test_a_season_or_a_scale_factor_moves_the_limit(post: Post) -> None:
    assert post("D", 60, horizon_len=604).status_code == 422
    assert post("D", 60, horizon_len=604, season_length=30).status_code == 200
    answer = post("D", 60, horizon_len=604, scale_factor=0.5)
    assert answer.json()["prediction"]["metadata"]["model_methods"] == ["scale factor 0.5"]


def test_a_context_that_was_named_is_cut_with_a_warning_only(post: Post) -> None:
    cut = post("D", 800, horizon_len=30, context_len=700).json()
    assert cut["prediction"]["metadata"]["context_lengths"] == [574]
    assert cut["warnings"] == [
        "The context is cut to 574 steps, this model's limit at this horizon for a series of frequency 'D'"
        " with a season of 7 steps."
    ]
    assert len(cut["visualization_data"]["historical_data"]) == 574
    assert post("D", 800, horizon_len=30, context_len=574).json()["warnings"] == []


@pytest.mark.parametrize("factor", [0, -1, 25, 1e-9, "fast"])
def test_a_scale_factor_that_makes_no_sense_is_refused(post: Post, factor: Any) -> None:
    refused = post("D", 60, horizon_len=5, scale_factor=factor)
    assert (refused.status_code, refused.json()["error"]) == (422, "REQUEST_INVALID")
    assert "scale_factor" in refused.text


@pytest.mark.parametrize("factor", [0.0001, 24])
def test_the_least_and_the_greatest_forecast_numbers(post: Post, factor: float) -> None:
    for horizon in (1, 60):
        answer = post("D", 60, horizon_len=horizon, scale_factor=factor)
        assert answer.status_code == 200, answer.text
        assert np.isfinite(answer.json()["prediction"]["quantile_forecast"]).all()
