"""What stays in memory after a model is shut down, round after round."""

import json
from contextlib import closing
from pathlib import Path

from benchmarks.checkpoints import write_checkpoint
from benchmarks.concurrency import HORIZON, MODEL_IDS, make_body, make_contexts
from benchmarks.gateway import Caller, run_gateway
from benchmarks.report import Table

CONTEXT, ROUNDS = 512, 10
_HEADER = ("round", "loaded MB", "after the shutdown MB", "against the first round MB")


def measure(name: str, folder: Path, rounds: int = ROUNDS) -> Table:
    """Return the resident memory of a gateway that loads, forecasts and shuts down a model by rounds."""
    write_checkpoint(name, folder)
    model_id = MODEL_IDS[name]
    loading = {"source_type": "local", "local_model_path": name, "context_len": CONTEXT}
    body = make_body(make_contexts(CONTEXT)[0])
    first = 0.0
    with (
        run_gateway(model_id, **{f"{model_id.upper()}_LOCAL_DIR": str(folder)}) as port,
        closing(Caller(port, model_id)) as caller,
    ):
        rows = [("before", "", f"{_resident(caller):.0f}", "")]
        for number in range(1, rounds + 1):
            caller.initialize(loading)
            answer = json.loads(caller.post("inference", body))
            if len(answer["prediction"]["point_forecast"][0]) != HORIZON:
                raise RuntimeError("the forecast is of another length than asked for")
            loaded = _resident(caller)
            caller.post("shutdown")
            left = _resident(caller)
            first = first or left
            rows.append((str(number), f"{loaded:.0f}", f"{left:.0f}", f"{left - first:+.0f}"))
    notes = (
        "Resident memory of the gateway's process (process_resident_memory_bytes of /metrics); the libraries,"
        " which stay, are in it from the first round on: what a round leaves is told against the first, and"
        " 'before' is the process that has loaded nothing."
    )
    return Table(f"Memory over {rounds} rounds: {name}", _HEADER, rows, notes)


def _resident(caller: Caller) -> float:
    text = caller.get("/metrics").decode()
    found = [line for line in text.splitlines() if line.startswith("process_resident_memory_bytes ")]
    return float(found[0].split()[1]) / 1e6
