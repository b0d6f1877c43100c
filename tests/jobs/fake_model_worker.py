"""The worker that setup.sh starts, with the fake model: `python -m tests.jobs.fake_model_worker [MODEL]`."""

import sys
from typing import Any

from forecast.models import MODEL_REGISTRY
from scripts.worker import main

if __name__ == "__main__":
    place = {"name": "Fake", "router_path": "tests.fake_model", "service_path": "tests.fake_model"}
    entry: Any = {**MODEL_REGISTRY["statsforecast"], **place}
    MODEL_REGISTRY["fake"] = entry
    sys.exit(main())
