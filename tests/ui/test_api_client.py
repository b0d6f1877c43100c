import asyncio
import json
import threading
from collections.abc import Coroutine
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from tests.ui.fakes import FakeGateway, refuse
from ui.api_client import Gateway, patiently
from ui.errors import Fault, GatewayDownError, GatewayError


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def refusal(gateway: FakeGateway, work: Coroutine[Any, Any, Any]) -> GatewayError:
    with pytest.raises(GatewayError) as told:
        run(work)
    return told.value


def unheard(status: int, seconds: float) -> None:
    raise AssertionError(f"there was a pause of {seconds} s for status {status}")


class Listener(BaseHTTPRequestHandler):
    """Answers with what it was asked for, and by whose key."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "key": self.headers["Authorization"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_every_call_has_the_key_and_goes_past_the_proxy_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def ask(url: str) -> dict[str, Any]:
        gateway = Gateway(url, "the-key")
        try:
            return await gateway.health()
        finally:
            await gateway.close()

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        found = run(ask(f"http://127.0.0.1:{server.server_port}"))
        thread.join()

    assert found == {"path": "/health", "key": "Bearer the-key"}


def test_an_upload_is_sent_as_a_file_and_its_path_returned(gateway: FakeGateway) -> None:
    path = run(gateway.client().upload('a"b.csv', b"x,y\n1,2\n"))

    assert path == "data/uploads/table-000000000000.csv"
    assert b'name="file"; filename="a%22b.csv"' in gateway.uploads[path]
    assert b"x,y\n1,2\n" in gateway.uploads[path]


def test_an_upload_is_forgotten_and_one_that_is_gone_is_no_error(gateway: FakeGateway) -> None:
    path = "data/uploads/x-0123456789ab.csv"
    gateway.uploads[path] = b""

    run(gateway.client().forget(path))
    run(gateway.client().forget(path))

    assert gateway.uploads == {}
    assert [call for call, _ in gateway.asked] == ["DELETE /api/v1/uploads/x-0123456789ab.csv"] * 2


def test_a_refusal_is_the_gateways_own_sentence_with_its_places(gateway: FakeGateway) -> None:
    places = [
        {"message": "'many' is not a number", "column": "sales", "row": 2, "field": None},
        {"message": "unknown", "column": None, "row": None, "field": "freq"},
    ]
    gateway.refusals["POST /api/v1/tables"] = [
        refuse(400, "DATA_INVALID", "Data error: 'many' is not a number.", errors=places)
    ]

    told = refusal(gateway, gateway.client().read_table({}))

    assert (told.status, told.code, told.retry_after) == (400, "DATA_INVALID", None)
    assert told.detail == "Data error: 'many' is not a number."
    assert told.faults == (Fault("'many' is not a number", "sales", 2), Fault("unknown", "freq", None))


def test_a_gateway_that_is_down_is_told_as_such(gateway: FakeGateway) -> None:
    gateway.down = True

    told = refusal(gateway, gateway.client().health())

    assert isinstance(told, GatewayDownError)
    assert (told.status, told.code) == (503, "GATEWAY_DOWN")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="<h1>Oops</h1>"),
        httpx.Response(200, text="<h1>Hello</h1>"),
        httpx.Response(200, json=[1, 2]),
        httpx.Response(404, json={"detail": "Not Found"}),
    ],
)
def test_what_is_no_gateway_is_told_as_such(gateway: FakeGateway, answer: httpx.Response) -> None:
    gateway.refusals["GET /health"] = [answer]

    told = refusal(gateway, gateway.client().health())

    assert told.status == 502
    assert "What answers in place of the forecasting service is not one" in told.detail


def test_a_wrong_key_is_the_operators_matter_and_no_password_of_the_visitor(gateway: FakeGateway) -> None:
    gateway.refusals["GET /api/v1/samples"] = [refuse(401, "UNAUTHORIZED", "Wrong key.")]

    told = refusal(gateway, gateway.client().samples())

    assert (told.status, told.code) == (502, "UNAUTHORIZED")
    assert "UI_API_KEY" in told.detail


def test_a_load_is_begun_without_waiting_for_it(gateway: FakeGateway) -> None:
    assert run(gateway.client().initialize("ets"))

    assert gateway.bodies("POST /forecast/v1/ets/initialization") == [{"wait": False}]


@pytest.mark.parametrize(("code", "begun"), [("MODEL_INITIALIZING", False), ("MODEL_CONFIG_CONFLICT", True)])
def test_a_load_that_goes_on_or_is_over_is_no_error(gateway: FakeGateway, code: str, begun: bool) -> None:
    gateway.refusals["POST /forecast/v1/ets/initialization"] = [refuse(409, code, "Busy.")]

    assert run(gateway.client().initialize("ets")) is begun


def test_a_load_that_cannot_be_is_an_error(gateway: FakeGateway) -> None:
    gateway.refusals["POST /forecast/v1/ets/initialization"] = [refuse(409, "INSUFFICIENT_MEMORY", "Full.")]

    assert refusal(gateway, gateway.client().initialize("ets")).detail == "Full."


def test_however_many_models_are_looked_at_there_are_thirty_calls_a_minute(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"m{number}" for number in range(6)]
    gateway.states = dict.fromkeys(names, ("initializing", None))
    client, now = gateway.client(), [0.0]
    monkeypatch.setattr("ui.api_client.monotonic", lambda: now[0])

    for now[0] in (second / 2 for second in range(240)):
        for name in names:
            assert run(client.glance(name))["progress"] == gateway.progress

    assert len(gateway.asked) <= 6 + 60
    assert {call.split("/")[3] for call, _ in gateway.asked[6:]} == set(names)


def test_the_progress_of_a_load_is_left_out_where_the_quota_is_used_up(gateway: FakeGateway) -> None:
    assert run(gateway.client().progress("ets"))["progress"] == {"phase": "downloading", "percent": 40.0}

    path = "GET /forecast/v1/ets/status"
    gateway.refusals[path] = [refuse(429, "RATE_LIMITED", "No.", 9), refuse(404, "NOT_FOUND", "No model.")]
    assert run(gateway.client().progress("ets")) == {}
    assert refusal(gateway, gateway.client().progress("ets")).status == 404


def test_a_limit_is_waited_for_as_long_as_the_gateway_says_but_a_minute_at_most(
    gateway: FakeGateway, pauses: list[float]
) -> None:
    client = gateway.client()
    gateway.refusals["GET /health"] = [
        refuse(429, "RATE_LIMITED", "Later.", 7),
        refuse(503, "OVERLOADED", "Full.", 3600),
    ]

    told: list[tuple[int, float]] = []

    assert run(patiently(client.health, lambda *pause: told.append(pause)))["status"] == "healthy"
    assert pauses == [7.0, 60.0]
    assert told == [(429, 7.0), (503, 60.0)]


@pytest.mark.parametrize(
    "answer", [refuse(503, "OVERLOADED", "No."), refuse(409, "STATE_CONFLICT", "No.", 1)]
)
def test_what_no_waiting_helps_is_told_at_once(
    gateway: FakeGateway, pauses: list[float], answer: httpx.Response
) -> None:
    gateway.refusals["GET /health"] = [answer]

    assert refusal(gateway, patiently(gateway.client().health, unheard)).detail == "No."
    assert pauses == []


def test_a_gateway_that_is_down_is_not_waited_for(gateway: FakeGateway, pauses: list[float]) -> None:
    gateway.down = True

    assert isinstance(refusal(gateway, patiently(gateway.client().health, unheard)), GatewayDownError)
    assert pauses == []
