"""A model that costs nothing, so that a call of it costs what the gateway costs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forecast.core.adapter import DECILES, Adapter, Capabilities, Forecast, ModelConfig, Options, Task
from forecast.core.lifecycle import ModelService
from forecast.core.model_settings import ModelSettings
from forecast.core.routing import build_model_router
from forecast.models import MODEL_REGISTRY, ModelEntry

MODEL_ID = "noop"


class NoopSettings(ModelSettings, env_prefix="NOOP_"):
    """The settings of the model that costs nothing."""


class NoopAdapter(Adapter[None]):
    """Forecasts zeros."""

    model_id = MODEL_ID
    library = "numpy"
    capabilities = Capabilities(native_levels=DECILES)

    def load(self, config: ModelConfig) -> None:
        """Load nothing."""

    def predict(self, loaded: None, tasks: Sequence[Task]) -> list[Forecast]:
        """Return zeros of the tasks' horizons."""
        return [
            Forecast(np.zeros(task.horizon), np.zeros((task.horizon, len(DECILES))), DECILES)
            for task in tasks
        ]


service = ModelService(NoopAdapter(), NoopSettings, Path(__file__).parent)
router = build_model_router(service, options=Options)


def register() -> None:
    """List the model in the registry of this process."""
    MODEL_REGISTRY[MODEL_ID] = ModelEntry(
        name="No-op",
        version="1",
        description="Forecasts zeros at no cost.",
        use_it_when="you measure the gateway",
        licence="none",
        memory_bytes=None,
        speed="instant",
        module="benchmarks",
        router_path=__name__,
        service_path=__name__,
        default_port=8000,
        status="active",
    )
