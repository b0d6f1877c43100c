"""The page of job events is true: its commands run as they stand."""

from collections.abc import Callable

import httpx
from fastapi import FastAPI

from forecast.models import get_service
from tests.conftest import AUTHORIZED, KEY, ROOT, MakeApp
from tests.core.conftest import PREFIX, TABLE
from tests.pages import run_page

PAGE = ROOT / "docs/job-events.md"
BODY = {
    "model": "fake",
    "data": TABLE,
    "data_definition": {"y": "target"},
    "parameters": {"horizon_len": 3},
}


def test_every_command_runs_as_it_stands(make_app: MakeApp, serve: Callable[[FastAPI], str]) -> None:
    url = serve(make_app(model_name="all"))
    with httpx.Client(base_url=url, headers=AUTHORIZED, trust_env=False, timeout=60) as client:
        assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
        get_service("statsforecast").initialize()  # as the gateway does at its start
        job_id = client.post("/api/v1/forecast-jobs", json=BODY).json()["job_id"]
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    places, said = run_page(PAGE, url, ROOT, API_SECRET_KEY=KEY, JOB_ID=job_id, WEBHOOK_SECRET=secret)
    assert len(places) == 4
    assert "event: ended" in said
    assert "succeeded 100%" in said
