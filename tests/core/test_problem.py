import json
import logging

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from forecast.core.errors import DataError, ModelError
from forecast.core.problem import install_error_handlers, problem_response


def test_a_problem_quotes_text_that_utf8_cannot_hold() -> None:
    response = problem_response(DataError("no column '\ud800' in 'Größe'"), "id-1")
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(response.body))["detail"] == "Data error: no column '\ud800' in 'Größe'"
    assert "Größe".encode() in bytes(response.body)


def test_a_failure_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/fail")
    def fail(request: Request) -> None:
        request.state.request_id = "id-2"
        raise ModelError("no forecast of 'a\ntime=now level=INFO'")

    with TestClient(app) as client, caplog.at_level(logging.ERROR, "forecast"):
        assert client.get("/fail").status_code == 500
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == "error=MODEL_FAILED detail=\"no forecast of 'a\\ntime=now level=INFO'\""
