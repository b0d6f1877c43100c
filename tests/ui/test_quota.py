import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.ui.conftest import Visitor, finish
from tests.ui.fakes import FakeGateway, refuse
from ui.context import Context
from ui.steps import Run

INFERENCE = "POST /forecast/v1/ets/inference"


def test_the_progress_tells_how_long_the_quota_is_waited_for(
    visitor: Visitor, gateway: FakeGateway, shared: Context
) -> None:
    gateway.refusals[INFERENCE] = [refuse(429, "RATE_LIMITED", "Later.", 45)]
    address = visitor.forecast(visitor.bring())
    wanted = "waits for the gateway’s quota, "
    deadline = time.monotonic() + 30
    while wanted not in (text := visitor.get(f"{address}/progress").text) and time.monotonic() < deadline:
        time.sleep(0.01)
    visitor.post(f"{address}/cancel")
    finish(shared.background)

    assert re.search(r"waits for the gateway’s quota, \d\d s left", text)
    assert "is being computed" not in text


def test_a_wait_for_the_quota_is_told_and_no_part_of_the_time_of_a_step(
    visitor: Visitor,
    shared: Context,
    gateway: FakeGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    seen: list[tuple[str, bool, int]] = []
    table = visitor.bring()
    gateway.refusals["POST /api/v1/tables"] = [refuse(503, "OVERLOADED", "Later.", 9)]
    gateway.refusals[INFERENCE] = [refuse(429, "RATE_LIMITED", "Later.", 30)]

    def find() -> Run:
        (folder,) = (tmp_path / "state/runs").iterdir()
        return shared.runs.find(folder.name)

    async def pause(seconds: float) -> None:
        (step,) = find().steps
        seen.append((step.status, step.over_quota, step.pause_left))
        clock[0] += seconds

    monkeypatch.setattr("ui.api_client.sleep", pause)
    monkeypatch.setattr("ui.execution.monotonic", lambda: clock[0])
    for module in ("ui.execution", "ui.steps"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(time=lambda: clock[0]))

    visitor.forecast(table)
    finish(shared.background)

    (step,) = find().steps
    assert seen == [("waiting", False, 9), ("running", True, 30)]
    assert (step.status, step.seconds, step.pause_left) == ("done", 0.0, 0)
