"""A gateway before a service: two servers on loopback, and whatever goes between them."""

import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from anyio import sleep_forever
from anyio.to_thread import run_sync
from fastapi import Request, Response
from starlette.responses import StreamingResponse

from forecast.core.media import ARROW, PARQUET
from tests.conftest import AUTHORIZED, KEY
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter, Gate
from tests.remote.conftest import MakeGateway, Scripted, Serve, free_port, hanging

OWN = {"date", "x-request-id", "x-process-time"}
JSON = {"Content-Type": "application/json"}
PLAIN = {"Accept-Encoding": "identity"}


def kept(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return what must be the same through the gateway, the body as it is on the wire."""
    raw = b"".join(answer.iter_raw())
    told = [(name, value) for name, value in answer.headers.multi_items() if name not in OWN]
    return answer.status_code, raw, sorted(told)


def ask(client: httpx.Client, method: str, path: str, **given: object) -> tuple[int, bytes, object]:
    with client.stream(method, path, **given) as answer:  # type: ignore[arg-type]  # of httpx' many
        return kept(answer)


async def fine(request: Request) -> Response:
    return Response(b'{"fine":true}', media_type="application/json")


@pytest.mark.parametrize(
    ("method", "action", "given"),
    [
        ("GET", "status", {}),
        ("POST", "shutdown", {}),
        ("POST", "inference", {"json": REQUEST}),
        ("POST", "inference", {"content": b"{", "headers": JSON}),
        ("POST", "inference", {"content": b"", "headers": JSON}),
        ("POST", "inference", {"content": b"x=1", "headers": {"Content-Type": "text/plain"}}),
        ("POST", "inference", {"json": {"parameters": {"horizon": 3}}}),
        ("POST", "inference", {"json": REQUEST, "headers": {"Accept": "image/png"}}),
        ("POST", "inference", {"json": REQUEST, "headers": {"X-Deadline-Ms": "soon"}}),
        ("POST", "inference", {"content": b"{}", "headers": JSON | {"Content-Encoding": "br"}}),
        ("POST", "inference", {"content": b"{}", "headers": JSON | {"Content-Encoding": "gzip"}}),
        ("POST", "initialization", {"json": {"backend": "gpu"}}),
        ("POST", "initialization", {"json": {"horizon_len": 10**9}}),
        ("POST", "initialization", {"content": b"", "headers": {"Content-Type": "text/plain"}}),
        ("GET", "inference", {}),
    ],
)
def test_answers_are_the_same_through_the_gateway_and_directly(
    make_gateway: MakeGateway, service: httpx.Client, method: str, action: str, given: dict[str, object]
) -> None:
    gateway = make_gateway(str(service.base_url))
    for client in (gateway, service):
        client.headers["X-Request-ID"] = "same-1"
    path = f"{PREFIX}/{action}"
    direct = ask(service, method, path, **given)
    assert ask(gateway, method, path, **given) == direct


def test_a_model_is_loaded_asked_and_shut_down_in_its_service(
    make_gateway: MakeGateway, service: httpx.Client, fake: FakeAdapter
) -> None:
    gateway = make_gateway(str(service.base_url))
    made = gateway.post(f"{PREFIX}/initialization", json={"horizon_len": 3})
    assert (made.status_code, made.json()["model_status"]) == (200, "ready")
    assert gateway.get(f"{PREFIX}/status").json() == service.get(f"{PREFIX}/status").json()
    asked = gateway.post(f"{PREFIX}/inference", json=REQUEST).json()
    assert asked["prediction"] == service.post(f"{PREFIX}/inference", json=REQUEST).json()["prediction"]
    assert asked["prediction"]["point_forecast"] == [[9.0, 9.0, 9.0]]
    assert gateway.post(f"{PREFIX}/shutdown").json()["model_status"] == "uninitialized"
    assert service.get(f"{PREFIX}/status").json()["model_status"] == "uninitialized"
    assert fake.unloaded == 1


def arrow(compression: str | None = None) -> bytes:
    rest = {key: REQUEST[key] for key in ("data_definition", "parameters")}
    table = pa.table(REQUEST["data"]).replace_schema_metadata({"sapheneia": json.dumps(rest)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return pa.Codec(compression).compress(content, asbytes=True) if compression else content


@pytest.mark.parametrize("accept", [ARROW, PARQUET, "application/json"])
@pytest.mark.parametrize("coding", [None, "gzip", "zstd"])
def test_tables_and_packed_bodies_pass_as_they_are(
    make_gateway: MakeGateway, service: httpx.Client, accept: str, coding: str | None
) -> None:
    gateway = make_gateway(str(service.base_url))
    service.post(f"{PREFIX}/initialization", json={}).raise_for_status()
    headers = {"Content-Type": ARROW, "Accept": accept, "Accept-Encoding": coding or "identity"}
    if coding:
        headers["Content-Encoding"] = coding
    answers = []
    for client in (gateway, service):
        with client.stream("POST", f"{PREFIX}/inference", content=arrow(coding), headers=headers) as answer:
            _, raw, told = kept(answer)
        assert answer.status_code == 200
        # Its times differ, and with them its length by some bytes.
        answers.append([pair for pair in told if pair[0] != "content-length"])
        assert dict(told)["content-type"].startswith(accept)
        if coding is None and accept == ARROW:
            assert pa.ipc.open_stream(raw).read_all().num_rows == 3
    assert answers[0] == answers[1]


@pytest.mark.parametrize("coding", ["gzip", "zstd", None])
@pytest.mark.parametrize("asked", ["gzip, zstd", "gzip", "identity"])
def test_what_a_service_answers_is_neither_packed_nor_unpacked(
    make_gateway: MakeGateway, serve: Serve, coding: str | None, asked: str
) -> None:
    content = b"not what its header says " * 100

    async def answer(request: Request) -> Response:
        headers = {"Vary": "Origin"} | ({"Content-Encoding": coding} if coding else {})
        return Response(content, media_type="application/json", headers=headers)

    url = serve(Scripted(answer).app())
    gateway = make_gateway(url)
    path, headers = f"{PREFIX}/status", {"Accept-Encoding": asked}
    through = ask(gateway, "GET", path, headers=headers)
    with httpx.Client(base_url=url, trust_env=False) as direct:
        assert through == ask(direct, "GET", path, headers=headers)
    assert through[1] == content


def test_a_packed_body_reaches_the_service_packed(make_gateway: MakeGateway, serve: Serve) -> None:
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))
    packed = gzip.compress(b"{}" * 1000)
    headers = JSON | {"Content-Encoding": "gzip"}
    gateway.post(f"{PREFIX}/inference", content=packed, headers=headers).raise_for_status()
    ((_, _, told, body),) = service.seen
    assert (told["content-encoding"], told["content-length"], body) == ("gzip", str(len(packed)), packed)


def test_a_body_in_chunks_is_passed_on_in_chunks(make_gateway: MakeGateway, serve: Serve) -> None:
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))

    def parts() -> Iterator[bytes]:
        yield b'{"a":'
        yield b"1}"

    gateway.post(f"{PREFIX}/inference", content=parts(), headers=JSON).raise_for_status()
    ((_, _, told, body),) = service.seen
    assert body == b'{"a":1}'
    assert told["transfer-encoding"] == "chunked"
    assert "content-length" not in told


def test_where_traces_are_made_the_call_of_a_service_is_part_of_the_gateways_own_span(
    make_gateway: MakeGateway, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    gateway.post(f"{PREFIX}/inference", json={}, headers={"traceparent": trace})
    ((_, _, told, _),) = service.seen
    _, given, caller, _ = trace.split("-")
    _, found, parent, _ = told["traceparent"].split("-")
    assert found == given
    assert parent != caller


def test_the_id_the_key_and_the_trace_are_carried_on_and_the_deadline_is_shortened(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Request-ID": "mine-1", "X-Deadline-Ms": "5000", "traceparent": trace, "Cookie": "a=b"}
    answer = gateway.post(f"{PREFIX}/inference", json={}, headers=headers)
    assert answer.headers["X-Request-ID"] == "mine-1"
    gateway.post(f"{PREFIX}/inference", json={})
    gateway.get(f"{PREFIX}/status", headers={"X-Request-ID": "not sane"})
    (_, _, told, _), (_, _, undated, _), (method, path, asked, _) = service.seen
    assert (told["x-request-id"], told["traceparent"]) == ("mine-1", trace)
    assert told["authorization"] == f"Bearer {KEY}"
    assert 1 <= int(told["x-deadline-ms"]) < 5000
    assert "cookie" not in told
    assert 290_000 < int(undated["x-deadline-ms"]) < 300_000
    assert (method, path) == ("GET", f"{PREFIX}/status")
    assert len(asked["x-request-id"]) == 32
    assert "x-deadline-ms" not in asked


def test_errors_of_the_service_come_through_and_its_quota_does_not(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    problem = b'{"type":"urn:x","title":"T","status":429,"detail":"d","instance":"1","error":"RATE_LIMITED"}'

    async def refuse(request: Request) -> Response:
        told = {"Retry-After": "17", "X-RateLimit-Limit": "1", "Access-Control-Allow-Origin": "*"}
        return Response(problem, 429, told, "application/problem+json")

    gateway = make_gateway(serve(Scripted(refuse).app()))
    answer = gateway.post(f"{PREFIX}/inference", json={})
    assert (answer.status_code, answer.content) == (429, problem)
    assert answer.headers["Retry-After"] == "17"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not {"x-ratelimit-limit", "access-control-allow-origin"} & set(answer.headers)


def test_the_gateway_itself_refuses_a_wrong_key_a_large_body_and_what_is_beyond_the_quota(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    service = Scripted(fine)
    limits = {"rate_limit_enabled": True, "rate_limit_inference_per_minute": 3, "max_request_size": 1000}
    gateway = make_gateway(serve(service.app()), **limits)
    path = f"{PREFIX}/inference"
    wrong = gateway.post(path, json={}, headers={"Authorization": "Bearer x"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "UNAUTHORIZED")
    assert gateway.get(f"{PREFIX}/status", headers={"Authorization": ""}).status_code == 401
    large = gateway.post(path, content=b"x" * 1001, headers=JSON)
    assert (large.status_code, large.json()["error"]) == (413, "TOO_LARGE")
    assert service.seen == []

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    chunked = gateway.post(path, content=parts(), headers=JSON)
    assert (chunked.status_code, chunked.json()["error"]) == (413, "TOO_LARGE")
    answers = [gateway.post(path, json={}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert [body for *_, body in service.seen] == [b"{}", b"{}"]


def test_a_deadline_that_passes_is_a_504_and_ends_the_request_to_the_service(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    arrived, dropped = threading.Event(), threading.Event()
    gateway = make_gateway(serve(hanging(arrived, dropped).app()))
    late = gateway.post(f"{PREFIX}/inference", json={}, headers={"X-Deadline-Ms": "200"})
    assert (late.status_code, late.json()["error"]) == (504, "DEADLINE_EXCEEDED")
    assert dropped.wait(30)


def test_a_caller_that_goes_away_ends_the_request_to_the_service(
    make_gateway: MakeGateway, serve: Serve, tmp_path: Path
) -> None:
    arrived, dropped = threading.Event(), threading.Event()
    gateway = make_gateway(serve(hanging(arrived, dropped).app()))
    sock = socket.create_connection((gateway.base_url.host, gateway.base_url.port))
    head = f"POST {PREFIX}/initialization HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    assert arrived.wait(30)
    assert not dropped.is_set()
    sock.close()
    assert dropped.wait(30)
    assert gateway.get("/health/live").status_code == 200
    while (
        "path=/forecast/v1/fake/initialization status=499" not in (tmp_path / "logs/forecast.log").read_text()
    ):
        pass


def test_a_caller_that_goes_away_in_the_middle_of_an_answer_ends_it(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    dropped = threading.Event()

    async def answer(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await sleep_forever()
            finally:
                dropped.set()

        return StreamingResponse(parts())

    gateway = make_gateway(serve(Scripted(answer).app()))
    with gateway.stream("POST", f"{PREFIX}/inference", json={}) as told:
        assert next(told.iter_raw()) == b"first"
        assert not dropped.is_set()
    assert dropped.wait(30)


def test_the_worker_drops_what_a_caller_of_the_gateway_gave_up(
    make_gateway: MakeGateway, service: httpx.Client, fake: FakeAdapter, tmp_path: Path
) -> None:
    gateway = make_gateway(str(service.base_url))
    service.post(f"{PREFIX}/initialization", json={}).raise_for_status()
    gate = Gate()
    impatient = {"X-Deadline-Ms": "300", "X-Request-ID": "late-1"}
    fake.on_predict = gate
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(service.post, f"{PREFIX}/inference", json=REQUEST)
        assert gate.entered.wait(30)
        before = len(fake.computed)
        late = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=impatient)
        assert late.json()["error"] in ("DEADLINE_EXCEEDED", "OVERLOADED")
        while (tmp_path / "logs/forecast.log").read_text().count("request_id=late-1 method=POST") < 2:
            pass  # the service notices a little later than the gateway
        gate.opened.set()
        assert first.result().status_code == 200
    assert service.post(f"{PREFIX}/inference", json=REQUEST).status_code == 200
    assert len(fake.computed) == before + 1


@contextmanager
def dying(head: bytes) -> Iterator[str]:
    """A service that reads a request, sends `head` and ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_one_after_another() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as request:
                    lines = iter(request.readline, b"\r\n")
                    told = dict(line.lower().rstrip().split(b": ", 1) for line in lines if b": " in line)
                    request.read(int(told[b"content-length"]))  # what is left unread resets the connection
                    connection.sendall(head)

        thread = threading.Thread(target=serve_one_after_another)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n"])
def test_a_service_that_ends_before_its_answer_is_a_502(make_gateway: MakeGateway, head: bytes) -> None:
    with dying(head) as url:
        gateway = make_gateway(url)
        lost = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers={"X-Request-ID": "mine-2"})
        assert (lost.status_code, lost.json()["error"]) == (502, "MODEL_SERVICE_LOST")
        assert lost.headers["Content-Type"] == "application/problem+json"
        assert lost.headers["Retry-After"] == "1"
        assert lost.json()["instance"] == "mine-2"
        assert "127.0.0.1" not in lost.text
        gateway.close()


def test_an_answer_that_is_cut_is_cut_for_the_caller(make_gateway: MakeGateway) -> None:
    with dying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{") as url:
        gateway = make_gateway(url)
        with pytest.raises(httpx.RemoteProtocolError):
            gateway.post(f"{PREFIX}/inference", json=REQUEST)
        assert gateway.get("/health/live").json() == {"status": "alive"}


def test_a_service_that_is_not_there_is_a_503_and_then_not_even_asked(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(f"http://127.0.0.1:{free_port()}", initialize_on_start=("fake",))
    answers = [gateway.get(f"{PREFIX}/status") for _ in range(4)]
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {
        (503, "MODEL_SERVICE_UNAVAILABLE")
    }
    assert [answer.headers["Retry-After"] for answer in answers] == ["1", "1", "1", "5"]
    assert "tried again shortly" in answers[3].json()["detail"]
    assert "127.0.0.1" not in "".join(answer.text for answer in answers)
    gone = {"status": "error", "error": "MODEL_SERVICE_UNAVAILABLE"}
    assert gateway.get("/health").json()["models"]["fake"] == gone
    ready = gateway.get("/health/ready")
    assert (ready.status_code, ready.json()["models"]) == (503, {"fake": gone})
    assert gateway.get("/health/live").status_code == 200
    assert gateway.get("/forecast/v1/statsforecast/status").status_code == 200


def test_discovery_tells_remote_models_as_it_tells_those_here(
    make_gateway: MakeGateway, service: httpx.Client
) -> None:
    service.post(f"{PREFIX}/initialization", json={}).raise_for_status()
    gateway = make_gateway(str(service.base_url), initialize_on_start=("fake",))
    ready = {"status": "ready", "error": None}
    assert gateway.get("/health").json()["models"]["fake"] == ready
    assert gateway.get("/health/ready").json() == {"status": "ready", "models": {"fake": ready}}
    (listed,) = [model for model in gateway.get("/models").json()["models"] if model["id"] == "fake"]
    (direct,) = [model for model in service.get("/models").json()["models"] if model["id"] == "fake"]
    assert listed == direct
    assert (listed["model_status"], listed["path"]) == ("ready", PREFIX)
    assert gateway.get("/").json()["models"]["fake"] == PREFIX
    assert "fake" in gateway.get("/info").json()["models"]
    assert list(gateway.get("/health").json()["models"]) == gateway.get("/info").json()["models"]


def test_the_documentation_of_a_remote_model_is_that_of_one_here(
    make_gateway: MakeGateway, service: httpx.Client
) -> None:
    gateway = make_gateway(str(service.base_url))
    there = service.get("/openapi.json").json()["paths"]
    here = gateway.get("/openapi.json").json()["paths"]
    own = {path: told for path, told in there.items() if path.startswith(PREFIX)}
    assert len(own) == 4
    assert {path: here[path] for path in own} == own


def test_requests_that_are_passed_on_are_counted_by_their_route(
    make_gateway: MakeGateway, service: httpx.Client
) -> None:
    gateway = make_gateway(str(service.base_url))
    gateway.get(f"{PREFIX}/status").raise_for_status()
    counted = f'method="GET",route="{PREFIX}/status",status="200"'
    while counted not in (text := gateway.get("/metrics").text):
        pass  # a request is counted when its answer has gone
    assert 'sapheneia_model_ready{model="fake"}' not in text


def test_a_large_answer_is_passed_on_as_it_comes(make_gateway: MakeGateway, serve: Serve) -> None:
    went_on = threading.Event()

    async def answer(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a" * 100_000
            assert await run_sync(went_on.wait, 30)
            yield b"b" * 100_000

        return StreamingResponse(parts())

    gateway = make_gateway(serve(Scripted(answer).app()))
    with gateway.stream("POST", f"{PREFIX}/inference", json={}, headers=AUTHORIZED | PLAIN) as told:
        parts = told.iter_raw()
        first = next(parts)
        assert set(first) == set(b"a")
        went_on.set()
        assert len(first) + sum(map(len, parts)) == 200_000
