"""The log tells who called and by which key, and never the key."""

import logging
import re
from pathlib import Path

import jwt
import pytest
from starlette.testclient import TestClient

from forecast.core.logs import LOG_FILE, configure_logging, hide_secrets
from tests.clients.conftest import bearer
from tests.clients.issuing import SECRET, claims
from tests.conftest import AUTHORIZED, KEY, MakeApp
from tests.core.conftest import PREFIX, REQUEST


@pytest.mark.parametrize("style", ["text", "json"])
def test_keys_and_tokens_are_in_no_log_line_also_at_debug(
    make_app: MakeApp, style: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {"SECRET": SECRET, "ISSUER": "us", "AUDIENCE": "sapheneia"}.items():
        monkeypatch.setenv(f"JWT_{name}", value)
    app = make_app(log_level="DEBUG", log_format=style)
    token = jwt.encode(claims("us", sub="ann b"), SECRET, algorithm="HS256")
    forged = jwt.encode(claims("them"), SECRET, algorithm="HS256")
    wrong = "sph_" + "w" * 43
    with caplog.at_level(logging.DEBUG), TestClient(app, headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        client.post("/api/v1/clients", json={"client_id": "acme"})
        made = client.post("/api/v1/clients/acme/keys", json={"name": "night run"}).json()["key"]
        given = [KEY, made, wrong, token, forged, "another wrong key", made[:-1]]
        for key in given:
            client.post(f"{PREFIX}/inference", json=REQUEST, headers=bearer(key))
            client.get("/api/v1/me", headers=bearer(key))
    log = (app.state.settings.log_dir / LOG_FILE).read_text() + caplog.text
    for key in (*given[:-1], SECRET):
        assert key not in log
    assert made[:-1] not in log
    lines = [line for line in log.splitlines() if "/inference" in line and "forecast.access" in line]
    told = [re.findall(r'(?:client|key)"?[=:] ?"?([^\s",]+)', line) for line in lines]
    assert told[:7] == [["default"] * 2, ["acme", "night%20run"], [], ["acme", "ann%20b"], [], [], []]


def test_what_a_library_logs_of_a_key_is_taken_out(tmp_path: Path) -> None:
    key, token = "sph_" + "k" * 43, jwt.encode({"a": 1}, SECRET, algorithm="HS256")
    configure_logging("DEBUG", tmp_path, "text")
    log = logging.getLogger("uvicorn.error")
    log.debug("< Authorization: Bearer %s", KEY)
    log.debug("asked with %s and %s", key, token)
    log.debug("< authorization: bearer %s", token)
    written = (tmp_path / LOG_FILE).read_text()
    assert not any(secret in written for secret in (KEY, key, token))
    assert "< Authorization: Bearer ***" in written
    assert "asked with *** and ***" in written


def test_other_lines_stay_as_they_are() -> None:
    line = 'time=2024-01-01 logger=x GET /api/v1/keys/0123456789abcdef status=200 "bearer" a.b.c'
    assert hide_secrets(line) == line
