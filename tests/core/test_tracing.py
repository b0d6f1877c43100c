"""Traces, sent to a real receiver of OTLP over HTTP."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.testclient import TestClient

from forecast.core.config import SettingsError
from forecast.core.tracing import trace_headers, trace_id, wanted_exporters
from tests.conftest import AUTHORIZED, ROOT, MakeApp
from tests.core.conftest import PREFIX, REQUEST

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


class Receiver(HTTPServer):
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def spans(self) -> dict[str, Any]:
        """The spans that were sent, by name."""
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    @property
    def resource(self) -> dict[str, str]:
        attributes = self.requests[0].resource_spans[0].resource.attributes
        return {each.key: each.value.string_value for each in attributes}


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver, and the environment that sends traces there."""
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("NO_PROXY", "*")
        yield receiver
        receiver.shutdown()
        thread.join()


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def test_a_forecast_is_a_span_of_its_callers_trace_with_its_parts_inside(
    receiver: Receiver, make_app: MakeApp
) -> None:
    app = make_app()
    with TestClient(app, headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        headers = {"traceparent": TRACEPARENT, "X-Request-ID": "traced"}
        assert client.post(f"{PREFIX}/inference", json=REQUEST, headers=headers).status_code == 200

    spans = receiver.spans
    whole = spans[f"POST {PREFIX}/inference"]
    parts = [spans[name] for name in ("read", "queue", "model", "write")]
    assert set(receiver.paths) == {"/v1/traces"}
    assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (TRACE, PARENT)
    assert {(part.trace_id, part.parent_span_id) for part in parts} == {(whole.trace_id, whole.span_id)}
    for part in parts:
        assert whole.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano
    assert [part.start_time_unix_nano for part in parts] == sorted(
        part.start_time_unix_nano for part in parts
    )
    assert attributes(whole) == {
        "http.request.method": "POST",
        "http.route": f"{PREFIX}/inference",
        "http.response.status_code": 200,
        "url.path": f"{PREFIX}/inference",
    }
    model = attributes(spans["model"])
    assert (model["batch_size"], model["cached"]) == (1, 0)
    assert model["model_seconds"] > 0
    assert receiver.resource["service.name"] == "sapheneia"
    log = (app.state.settings.log_dir / "forecast.log").read_text()
    assert f"request_id=traced method=POST path={PREFIX}/inference status=200" in log
    assert f" trace_id={TRACE} " in log


def test_a_request_without_a_trace_begins_one_that_its_log_line_names(
    receiver: Receiver, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    app = make_app()
    with TestClient(app) as client:
        client.get("/health", headers={"X-Request-ID": "new"})
    span = receiver.spans["GET /health"]
    assert span.parent_span_id == b""
    assert receiver.resource["service.name"] == "mine"
    log = (app.state.settings.log_dir / "forecast.log").read_text()
    (line,) = [line for line in log.splitlines() if "request_id=new" in line]
    assert line.endswith(f" trace_id={span.trace_id.hex()}")


def test_an_error_of_the_gateway_is_one_of_its_span(receiver: Receiver, make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/crash")
    def crash() -> None:
        raise ZeroDivisionError

    with TestClient(app) as client:
        client.get("/crash")
        client.get("/nothing")
    assert attributes(receiver.spans["GET /crash"])["http.response.status_code"] == 500
    assert receiver.spans["GET /crash"].status.code == 2
    assert receiver.spans["GET"].status.code == 0


@pytest.mark.parametrize("traced", [False, True])
def test_what_is_asked_of_other_services_belongs_to_the_trace(
    receiver: Receiver, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, traced: bool
) -> None:
    if not traced:
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    app = make_app()

    @app.get("/onward")
    async def onward() -> dict[str, str]:
        return trace_headers()

    with TestClient(app) as client:
        given = {"traceparent": TRACEPARENT, "tracestate": "vendor=1"}
        told = client.get("/onward", headers=given).json()
        unknown = client.get("/onward", headers={"traceparent": "no such thing"}).json()
    assert (trace_id(told), told["tracestate"]) == (TRACE, "vendor=1")
    assert (told["traceparent"] != TRACEPARENT) == traced
    assert ("traceparent" in unknown) == traced
    assert bool(receiver.requests) == traced


@pytest.mark.parametrize(
    ("environment", "exporters"),
    [
        ({}, []),
        ({"OTEL_SERVICE_NAME": "mine"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "otlp, console"}, ["otlp", "console"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, []),
    ],
)
def test_the_standard_variables_say_where_traces_go(
    environment: dict[str, str], exporters: list[str]
) -> None:
    assert wanted_exporters(environment) == exporters


def test_an_exporter_that_there_is_not_refuses_to_start(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(SettingsError, match="names zipkin; use otlp, console or none"):
        make_app()


def test_traces_without_their_extra_refuse_to_start(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    with pytest.raises(SettingsError, match=r"pip install 'sapheneia\[otel\]'"):
        make_app()


@pytest.mark.parametrize(
    "header",
    ["", "x", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", TRACEPARENT.upper()],
)
def test_a_traceparent_that_is_none_names_no_trace(header: str) -> None:
    assert trace_id({"traceparent": header}) is None


def test_without_traces_nothing_is_imported_that_makes_or_sends_them(tmp_path: Path) -> None:
    code = (
        "import sys; from starlette.testclient import TestClient; from forecast.main import create_app\n"
        "with TestClient(create_app()) as client: client.get('/health')\n"
        "ours = ('opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.proto', 'requests')\n"
        "found = [name for name in sys.modules if name.startswith(ours)]\n"
        "assert not found, found\n"
    )
    environment = {
        "PATH": "",
        "API_SECRET_KEY": "k",
        "INITIALIZE_ON_START": "none",
        "LOG_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/sapheneia.db",
        "ENV_FILE": "/nonexistent",
        "PYTHONPATH": ":".join(sys.path),
    }
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)
