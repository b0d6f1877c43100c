"""64 concurrent callers of one series each, beside the library called directly on the same series."""

import json
import math
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.callers import Load, run_callers
from benchmarks.checkpoints import write_checkpoint
from benchmarks.gateway import Caller, run_gateway
from benchmarks.libraries import Direct, open_library
from benchmarks.report import Table
from forecast.core.adapter import Floats

MODEL_IDS = {
    "timesfm20": "timesfm20",
    "timesfm25": "timesfm25",
    "chronos-2": "chronos",
    "bolt-small": "chronos",
}
CONTEXTS = (512, 64)
CALLERS, HORIZON, REPEATS = 64, 24, 2
BATCH_SIZES = (8, 32, 64)
_FEWEST_ROUNDS, _MOST_ROUNDS, _SECONDS = 2, 8, 6.0
_HEADER = (
    "context",
    "library series/s at a batch of 8 / 32 / 64",
    "gateway series/s",
    "gateway / library at its best",
    "batches in the gateway",
    "model busy",
    "latency p50 s",
    "p99 s",
)


@dataclass(slots=True)
class _Case:
    """The measurements of one context, repeat by repeat."""

    context: int
    direct: dict[int, list[float]] = field(default_factory=lambda: {size: [] for size in BATCH_SIZES})
    loads: list[Load] = field(default_factory=list)

    def row(self) -> tuple[str, ...]:
        rates = {size: statistics.median(seen) for size, seen in self.direct.items()}
        best = max(rates, key=lambda size: rates[size])
        ratios = [load.rate / seen for load, seen in zip(self.loads, self.direct[best], strict=True)]
        latencies = np.concatenate([load.latencies for load in self.loads])
        busy = sum(load.model_seconds for load in self.loads) / sum(load.seconds for load in self.loads)
        return (
            str(self.context),
            " / ".join(f"{rate:.1f}" for rate in rates.values()),
            f"{statistics.median(load.rate for load in self.loads):.1f}",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; batch {best})",
            "; ".join(_tell(load.batches) for load in self.loads),
            f"{busy:.0%}",
            f"{np.percentile(latencies, 50):.2f}",
            f"{np.percentile(latencies, 99):.2f}",
        )


def _tell(batches: Sequence[int]) -> str:
    return ", ".join(f"{count} of {size}" for size, count in Counter(batches).items())


def measure(name: str, folder: Path) -> Table:
    """Return the throughput of the gateway and of the library on a checkpoint of real size.

    The checkpoint is written under `folder` unless it is there.
    """
    model_id = MODEL_IDS[name]
    place = write_checkpoint(name, folder)
    direct = open_library(name, place)
    body = {
        "source_type": "local",
        "local_model_path": name,
        "context_len": max(CONTEXTS),
        "horizon_len": HORIZON,
    }
    with run_gateway(model_id, **{f"{model_id.upper()}_LOCAL_DIR": str(folder)}) as port:
        with closing(Caller(port, model_id)) as caller:
            caller.initialize(body)
        rows = [_measure_context(context, direct, port, model_id).row() for context in CONTEXTS]
    threads = os.environ.get("OMP_NUM_THREADS", "as many as torch likes")
    threads += f", waiting {os.environ.get('OMP_WAIT_POLICY', 'as OpenMP likes').lower()}"
    notes = (
        f"{CALLERS} callers, each sending its next request when the last is answered; {HORIZON} steps, mean"
        f" and deciles, float32, threads on either side: {threads}. Library and gateway take turns {REPEATS}"
        " times; the ratio is the median, with its lowest and highest. 'Batches' tells of each turn"
        " how many batches of which size there were; 'model busy' is the share of the time in which the"
        " model computed."
    )
    return Table(f"{CALLERS} concurrent callers: {name}", _HEADER, rows, notes)


def _measure_context(context: int, direct: Direct, port: int, model_id: str) -> _Case:
    contexts = make_contexts(context)
    bodies = [make_body(series) for series in contexts]
    direct(contexts[:8], HORIZON)
    rounds = _rounds(_time_direct(direct, contexts, max(BATCH_SIZES)))
    case = _Case(context)
    for _ in range(REPEATS):
        for size, seen in case.direct.items():
            seconds = statistics.mean(_time_direct(direct, contexts, size) for _ in range(rounds // 2))
            seen.append(len(contexts) / seconds)
        case.loads.append(run_callers(port, model_id, bodies, rounds))
    return case


def _rounds(seconds: float) -> int:
    """Return how often each caller asks, so that a turn takes a few seconds and not a minute."""
    return min(_MOST_ROUNDS, max(_FEWEST_ROUNDS, math.ceil(_SECONDS / seconds)))


def _time_direct(direct: Direct, contexts: Sequence[Floats], size: int) -> float:
    started = time.perf_counter()
    for first in range(0, len(contexts), size):
        direct(contexts[first : first + size], HORIZON)
    return time.perf_counter() - started


def make_contexts(length: int) -> list[Floats]:
    """Return one series per caller: level, week, noise; the same ones every time."""
    generator = np.random.default_rng(7)
    week = np.sin(2 * np.pi * np.arange(length) / 7)
    return [100 + level + 10 * week + generator.normal(0, 3, length) for level in range(CALLERS)]


def make_body(series: Floats) -> bytes:
    """Return the request that forecasts a daily series sent inline."""
    days = pd.date_range("2023-01-01", periods=len(series), freq="D")
    return json.dumps(
        {
            "data": {"date": [str(day.date()) for day in days], "value": series.tolist()},
            "data_definition": {"value": "target"},
            "parameters": {"context_len": len(series), "horizon_len": HORIZON},
        }
    ).encode()
