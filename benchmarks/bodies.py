"""One request as JSON and as a table of Arrow, and its answer as either: what they cost the gateway."""

import json
import statistics
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from benchmarks import noop
from benchmarks.gateway import Caller, run_gateway
from benchmarks.panel import HORIZON, ask_for, make_table
from benchmarks.report import Table

CONTEXT = 512
_JSON, _ARROW = "application/json", "application/vnd.apache.arrow.stream"
_KEY = "sapheneia"
"""The metadata of an Arrow schema that has what a request says beside its table."""

_LIMITS = {"MAX_REQUEST_SIZE": str(1024**3)}
_HEADER = ("body", "answer", "body MB", "answer MB", "median s", "lowest s", "highest s", "JSON / this")


@dataclass(frozen=True, slots=True)
class _Way:
    """A kind of body and a kind of answer."""

    kind: str
    accept: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.kind, "Accept": self.accept}


def measure(series: int = 1_000, turns: int = 5) -> Table:
    """Return how long a request of so many series takes by the kinds of its body and its answer."""
    table = make_table(series, CONTEXT)
    inline, arrow = _write_json(table), _write_arrow(table)
    ways = [_Way(_JSON, _JSON, inline), _Way(_ARROW, _JSON, arrow), _Way(_ARROW, _ARROW, arrow)]
    seen: list[list[float]] = [[] for _ in ways]
    with run_gateway(noop.MODEL_ID, **_LIMITS) as port, closing(Caller(port, noop.MODEL_ID)) as caller:
        caller.initialize({})
        sizes = [_check(caller.post("inference", way.body, way.headers), way, series) for way in ways]
        for _ in range(turns):
            for way, times in zip(ways, seen, strict=True):
                started = time.perf_counter()
                caller.post("inference", way.body, way.headers)
                times.append(time.perf_counter() - started)
    base = statistics.median(seen[0])
    rows = [_row(way, size, times, base) for way, size, times in zip(ways, sizes, seen, strict=True)]
    notes = (
        f"One request of {series} daily series x {CONTEXT}, {HORIZON} steps, of a model that costs nothing:"
        " from the first byte sent to the last one received, on loopback. What the caller needs to make the"
        f" body and to read the answer is not in it. The ways take turns {turns} times. An answer in JSON"
        " repeats the context, a frame does not."
    )
    return Table(f"Bodies: {series} series", _HEADER, rows, notes)


def _write_json(table: Any) -> bytes:
    columns = {
        "series": table["series"].to_pylist(),
        "date": [str(day.date()) for day in table["date"].to_pylist()],
        "value": table["value"].to_pylist(),
    }
    return json.dumps({"data": columns, **ask_for(CONTEXT)}).encode()


def _write_arrow(table: Any) -> bytes:
    import pyarrow as pa

    told = table.replace_schema_metadata({_KEY: json.dumps(ask_for(CONTEXT))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, told.schema) as stream:
        stream.write_table(told)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _check(answer: bytes, way: _Way, series: int) -> int:
    """Return the size of an answer; raise RuntimeError where it has not every step of every series."""
    if way.accept == _ARROW:
        import pyarrow as pa

        steps = pa.ipc.open_stream(answer).read_all().num_rows
    else:
        steps = sum(map(len, json.loads(answer)["prediction"]["point_forecast"]))
    if steps != series * HORIZON:
        raise RuntimeError(f"the answer has {steps} steps of {series} series")
    return len(answer)


def _row(way: _Way, size: int, times: list[float], base: float) -> tuple[str, ...]:
    names = {_JSON: "JSON", _ARROW: "Arrow"}
    median = statistics.median(times)
    figures = (f"{figure:.2f}" for figure in (median, min(times), max(times), base / median))
    return (names[way.kind], names[way.accept], f"{len(way.body) / 1e6:.1f}", f"{size / 1e6:.1f}", *figures)
