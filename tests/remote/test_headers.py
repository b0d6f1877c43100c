import pytest
from fastapi import Request, Response
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.errors import DeadlineError, ServiceUnavailableError
from forecast.remote.headers import milliseconds_left, pass_to_caller, pass_to_service
from tests.conftest import KEY
from tests.core.conftest import PREFIX
from tests.remote.conftest import MakeGateway, Scripted, Serve, fine

NEVER = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
VIA = (b"via", b"1.1 sapheneia")
TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda name: f"q-{name}".encode())
VALUES = st.binary(max_size=20)
HEADERS = st.lists(st.tuples(TOKEN, VALUES), max_size=8)
OURS = st.sampled_from(sorted(NEVER - {b"connection"}))


@given(HEADERS, st.lists(st.tuples(OURS, VALUES), max_size=3))
def test_what_is_not_of_the_connection_passes_in_order_and_unchanged_both_ways(
    headers: list[tuple[bytes, bytes]], hops: list[tuple[bytes, bytes]]
) -> None:
    there = pass_to_service([*hops, *headers], "id-1", 250)
    assert there == [*headers, VIA, (b"x-request-id", b"id-1"), (b"x-deadline-ms", b"250")]
    assert pass_to_caller([*headers, *hops]) == headers


@given(HEADERS)
def test_what_connection_names_is_dropped(headers: list[tuple[bytes, bytes]]) -> None:
    names = b" , ".join(name.upper() for name, _ in headers)
    assert pass_to_caller([*headers, (b"Connection", names), (b"x-kept", b"1")]) == [(b"x-kept", b"1")]


def test_the_headers_of_the_api_and_of_tracing_pass() -> None:
    kept = [
        (b"content-type", b"application/json"),
        (b"content-encoding", b"zstd"),
        (b"content-length", b"12"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip"),
        (b"prefer", b"wait=3"),
        (b"cache-control", b"no-cache"),
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (b"tracestate", b"a=b"),
    ]
    own = [
        (b"host", b"gateway"),
        (b"origin", b"http://page"),
        (b"cookie", b"session=1"),
        (b"authorization", b"Bearer key"),
        (b"x-client-id", b"acme"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"x-request-id", b"a b"),
    ]
    assert pass_to_service([*own, *kept], "made", None) == [*kept, VIA, (b"x-request-id", b"made")]


def test_a_request_that_goes_round_in_circles_is_ended() -> None:
    headers = [(b"Via", b"1.1 cache"), (b"x-kept", b"1")]
    for _ in range(3):
        headers = pass_to_service(headers, "id", None)
    assert [value for name, value in headers if name == b"via"] == [b"1.1 cache", *[VIA[1]] * 3]
    with pytest.raises(ServiceUnavailableError, match="from gateway to gateway"):
        pass_to_service(headers, "id", None)


def test_what_the_gateway_writes_itself_does_not_come_from_the_service() -> None:
    told = [
        (b"Date", b"now"),
        (b"server", b"uvicorn"),
        (b"X-Process-Time", b"1"),
        (b"x-request-id", b"1"),
        (b"X-RateLimit-Remaining", b"3"),
        (b"access-control-allow-origin", b"*"),
        (b"Retry-After", b"3"),
        (b"Content-Type", b"application/problem+json"),
        (b"preference-applied", b"wait=3"),
    ]
    assert pass_to_caller(told) == [
        (b"retry-after", b"3"),
        (b"content-type", b"application/problem+json"),
        (b"preference-applied", b"wait=3"),
    ]


@pytest.mark.parametrize(
    ("told", "passed"),
    [
        (b"Origin", []),
        (b"Accept, Origin", [(b"vary", b"Accept")]),
        (b"origin,Accept,Accept-Encoding", [(b"vary", b"Accept, Accept-Encoding")]),
    ],
)
def test_that_an_answer_depends_on_the_origin_is_said_once(
    told: bytes, passed: list[tuple[bytes, bytes]]
) -> None:
    assert pass_to_caller([(b"Vary", told)]) == passed


@given(
    st.none() | st.integers(1, 10**15 - 1),
    st.floats(0.001, 1e9),
    st.floats(0, 1e6, allow_subnormal=False),
)
def test_a_deadline_is_shortened_by_the_time_spent(
    given_ms: int | None, longest: float, spent: float
) -> None:
    whole = longest * 1000 if given_ms is None else min(given_ms, longest * 1000)
    header = None if given_ms is None else str(given_ms)
    if whole - spent * 1000 < 1:
        with pytest.raises(DeadlineError):
            milliseconds_left(header, longest, spent)
        return
    left = milliseconds_left(header, longest, spent)
    assert left is not None
    assert 1 <= left <= whole - spent * 1000 < left + 1


def test_an_inference_without_a_limit_still_has_a_deadline_to_tell() -> None:
    assert milliseconds_left(None, float("inf"), 1.0) == 10**12 - 1000


@pytest.mark.parametrize("header", ["", "0", "-1", "1.5", "1e3", "soon", "٣", "1" * 5000])
def test_what_is_no_number_of_milliseconds_is_left_for_the_service_to_refuse(header: str) -> None:
    assert milliseconds_left(header, 300.0, 0.0) is None
    assert (b"x-deadline-ms", b"soon") in pass_to_service([(b"x-deadline-ms", b"soon")], "id", None)


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
    headers = {"X-Request-ID": "mine-1", "X-Deadline-Ms": "60000", "traceparent": trace, "Cookie": "a=b"}
    answer = gateway.post(f"{PREFIX}/inference", json={}, headers=headers)
    assert answer.headers["X-Request-ID"] == "mine-1"
    gateway.post(f"{PREFIX}/inference", json={})
    gateway.get(f"{PREFIX}/status", headers={"X-Request-ID": "not sane"})
    (_, _, told, _), (_, _, undated, _), (method, path, asked, _) = service.seen
    assert (told["x-request-id"], told["traceparent"]) == ("mine-1", trace)
    assert told["authorization"] == f"Bearer {KEY}"
    assert 1 <= int(told["x-deadline-ms"]) < 60_000
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
