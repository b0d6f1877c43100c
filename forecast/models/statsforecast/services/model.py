"""Classical statistics behind the gateway: one fit per series, in processes of their own.

The library holds the interpreter's lock while it fits, so a fit in this process would stop the service
from answering.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from forecast.core.adapter import (
    Adapter,
    Capabilities,
    CovariateMode,
    Forecast,
    ModelConfig,
    Options,
    Task,
)
from forecast.core.lifecycle import ModelService
from forecast.core.pool import FitPool
from forecast.models.statsforecast.schemas.schema import (
    StatsforecastOptions,
    StatsforecastSettings,
)
from forecast.models.statsforecast.services.fit import fit, warm


class StatsforecastAdapter(Adapter[FitPool]):
    """Nixtla's statsforecast; the loaded model is a pool of warm processes."""

    model_id = "statsforecast"
    library = "statsforecast"
    capabilities = Capabilities(max_horizon=10_000, covariates="regression")
    options_type: ClassVar[type[Options]] = StatsforecastOptions

    def load(self, config: ModelConfig) -> FitPool:
        """Return the processes, started and warm."""
        return FitPool(config.fit_processes, warm)

    def limits(self, loaded: FitPool) -> Capabilities:
        """Return the limits, with as many fits in a call as keep the processes busy."""
        return loaded.limit(self.capabilities)

    def width(self, task: Task) -> int:
        """Return the same for every task: a fit pads nothing."""
        return 1

    def predict(self, loaded: FitPool, tasks: Sequence[Task]) -> list[Forecast]:
        """Return one forecast per task, fitted side by side."""
        return loaded.map(fit, tasks)

    def unload(self, loaded: FitPool) -> None:
        """End the processes."""
        loaded.close()

    def covariate_mode(self, loaded: FitPool, options: Options) -> CovariateMode:
        """Return `native` for AutoARIMA, which takes regressors itself, else `regression`."""
        native = isinstance(options, StatsforecastOptions) and options.method == "AutoARIMA"
        return "native" if native else "regression"


service = ModelService(StatsforecastAdapter(), StatsforecastSettings, Path(__file__).parents[1])
initialize_model = service.initialize
get_status = service.get_status
get_model_config = service.get_model_config
get_model_source_info = service.get_model_source_info
run_inference = service.run_inference
shutdown_model = service.shutdown
