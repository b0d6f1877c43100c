"""The gateway with the fake model, as a server takes it: `uvicorn tests.fake_gateway:app`.

The model waits as long as the file is there that FAKE_HOLD names, with FAKE_HELD only at the series of that
name. With FAKE_DEATH the process kills itself when it is about to keep the answer to a call with an
Idempotency-Key.
"""

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forecast.core.adapter import Task
from forecast.idempotency.keys import Keys
from forecast.models import MODEL_REGISTRY
from tests import fake_model

_place = {"name": "Fake", "router_path": "tests.fake_model", "service_path": "tests.fake_model"}
_entry: Any = {**MODEL_REGISTRY["statsforecast"], **_place}
MODEL_REGISTRY["fake"] = _entry


def _wait(tasks: Sequence[Task]) -> None:
    held = os.environ.get("FAKE_HELD")
    if held is None or held in {task.series.unique_id for task in tasks}:
        while Path(os.environ.get("FAKE_HOLD", "/nonexistent")).exists():
            threading.Event().wait(0.01)


fake_model.adapter.on_predict = _wait


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if "FAKE_DEATH" in os.environ:
    setattr(Keys, "keep", _die)  # noqa: B010 - it is no method that is assigned here

from forecast.main import app  # noqa: E402 - made on demand

__all__ = ["app"]
