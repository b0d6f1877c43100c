"""OpenTelemetry's traces, as its standard environment variables ask for them; off, nothing of it is imported.

Whoever sends a W3C `traceparent` has the trace's ID in the log in any case.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecast.core.config import SettingsError
from forecast.core.notes import note

_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# The one above the others comes first: where it is missing, nothing below it can be looked for.
_PACKAGES = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter")
_PASSED_ON = ("traceparent", "tracestate")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_received: ContextVar[Mapping[str, str]] = ContextVar("received", default={})  # noqa: B039 - never changed


class _Tracing:
    """What traces are made and sent with; `tracer` is None while they are off."""

    provider: Any = None
    tracer: Any = None


def trace_id(headers: Mapping[str, str]) -> str | None:
    """Return the ID of the trace that a request says it belongs to, or None."""
    found = _PARENT.fullmatch(headers.get("traceparent", ""))
    return found[1] if found else None


def trace_headers() -> dict[str, str]:
    """Return the headers that make what is asked of another service part of this request's trace."""
    if _Tracing.tracer is None:
        return dict(_received.get())
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers


def wanted_exporters(environment: Mapping[str, str]) -> list[str]:
    """Return where OpenTelemetry's variables want traces to go: `otlp`, `console`, both or nowhere.

    Raises SettingsError for anything else that they name.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    default = "otlp" if any(environment.get(name) for name in _ENDPOINTS) else "none"
    named = environment.get("OTEL_TRACES_EXPORTER") or default
    names = [name.strip() for name in named.split(",") if name.strip() not in ("", "none")]
    unknown = sorted({*names} - {"otlp", "console"})
    if unknown:
        raise SettingsError(f"OTEL_TRACES_EXPORTER names {', '.join(unknown)}; use otlp, console or none")
    return names


def require_tracing() -> None:
    """Raise SettingsError where the environment wants traces that cannot be made here."""
    if wanted_exporters(os.environ) and not all(find_spec(name) for name in _PACKAGES):
        raise SettingsError(
            "OTEL_… variables ask for traces; install what makes them: pip install 'sapheneia[otel]'"
        )


def start_tracing(version: str) -> None:
    """Begin to make traces where the environment wants them."""
    names = wanted_exporters(os.environ)
    if names:
        _Tracing.provider = _make_provider(names, version)
        _Tracing.tracer = _Tracing.provider.get_tracer("sapheneia", version)


def _make_provider(names: list[str], version: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    told = {"service.version": version}
    if "OTEL_SERVICE_NAME" not in os.environ:
        told["service.name"] = "sapheneia"
    provider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
    for name in names:
        exporter = OTLPSpanExporter() if name == "otlp" else ConsoleSpanExporter()
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def stop_tracing() -> None:
    """Send what was not sent yet, and make no more traces; may take the seconds that the exporter waits."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider is not None:
        provider.shutdown()


@contextmanager
def span(name: str) -> Iterator[None]:
    """Make what is done meanwhile a span of the request's trace."""
    if _Tracing.tracer is None:
        yield
        return
    with _Tracing.tracer.start_as_current_span(name):
        yield


def record_span(name: str, began: float, ended: float, **attributes: float) -> None:
    """Make a span of what lies between two times of the monotonic clock."""
    if _Tracing.tracer is None:
        return
    epoch = time.time_ns() - time.monotonic_ns()
    made = _Tracing.tracer.start_span(name, start_time=epoch + int(began * 1e9), attributes=attributes)
    made.end(epoch + int(ended * 1e9))


class TraceRequests:
    """Middleware that makes each request a span, of its caller's trace where it names one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note its trace."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = {name: headers[name] for name in _PASSED_ON if name in headers} if trace_id(headers) else {}
        token = _received.set(given)
        try:
            if _Tracing.tracer is None:
                await self.app(scope, receive, send)
            else:
                await self._trace(scope, receive, send, given)
        finally:
            _received.reset(token)

    async def _trace(self, scope: Scope, receive: Receive, send: Send, given: Mapping[str, str]) -> None:
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract(given)
        method = scope["method"]
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with _Tracing.tracer.start_as_current_span(
            method, context=parent, kind=SpanKind.SERVER, attributes={"http.request.method": method}
        ) as made:
            note(trace_id=f"{made.get_span_context().trace_id:032x}")
            try:
                await self.app(scope, receive, watch)
            finally:
                # The route's pattern, not the path: a trace's names must stay few.
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    made.update_name(f"{method} {route}")
                    made.set_attribute("http.route", route)
                made.set_attribute("url.path", scope["path"])
                made.set_attribute("http.response.status_code", status)
                if status >= 500:
                    made.set_status(StatusCode.ERROR)
