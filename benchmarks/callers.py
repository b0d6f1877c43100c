"""Many callers at once, each sending its next request when the last one is answered."""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

from benchmarks.gateway import Caller


@dataclass(frozen=True, slots=True)
class Load:
    """What the callers saw: seconds from the first request to the last answer, and of each request.

    `batches` are the sizes of the batches that the answers were computed in, one per batch;
    `model_seconds` how long the model computed.
    """

    seconds: float
    latencies: list[float]
    batches: list[int]
    model_seconds: float

    @property
    def rate(self) -> float:
        """Series a second."""
        return len(self.latencies) / self.seconds


def run_callers(port: int, model_id: str, bodies: Sequence[bytes], rounds: int) -> Load:
    """Let one caller per body send it `rounds` times and return what they saw."""
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(Caller(port, model_id))) for _ in bodies]
        before = [caller.figures() for caller in callers][-1]
        together = threading.Barrier(len(callers) + 1)
        with ThreadPoolExecutor(len(callers)) as pool:
            work = [
                pool.submit(_call, caller, body, rounds, together)
                for caller, body in zip(callers, bodies, strict=True)
            ]
            together.wait()
            started = time.perf_counter()
            answers = [answer for future in work for answer in future.result()]
        seconds = max(ended for _, ended, _ in answers) - started
        after = callers[0].figures()
    return Load(
        seconds=seconds,
        latencies=[ended - began for began, ended, _ in answers],
        batches=_batches([json.loads(answer)["execution_metadata"] for *_, answer in answers]),
        model_seconds=after["inference_seconds"] - before["inference_seconds"],
    )


def _call(
    caller: Caller, body: bytes, rounds: int, together: threading.Barrier
) -> list[tuple[float, float, bytes]]:
    seen = []
    together.wait()
    for _ in range(rounds):
        began = time.perf_counter()
        answer = caller.post("inference", body)
        seen.append((began, time.perf_counter(), answer))
    return seen


def _batches(metadata: Sequence[dict[str, float]]) -> list[int]:
    # Batch mates tell the same size and, to the last digit, the same time in the model.
    mates = {(one["execution_time_seconds"], one["batch_size"]) for one in metadata}
    return sorted((int(size) for _, size in mates), reverse=True)
