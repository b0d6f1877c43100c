"""Prophet behind the gateway: one fit per series, in processes of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from forecast.core.adapter import Adapter, Capabilities, Forecast, ModelConfig, Options, Task
from forecast.core.errors import RequestError
from forecast.core.lifecycle import ModelService
from forecast.core.pool import FitPool
from forecast.core.schemas import nearest
from forecast.models.prophet.schemas.schema import ProphetOptions, ProphetSettings
from forecast.models.prophet.services.fit import fit, list_countries, warm

FITS_PER_LIFE = 5000
"""After this many fits a process is replaced; a fresh one costs about as much as ten fits."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitters:
    """Warm processes, and the countries whose holidays they know."""

    pool: FitPool
    countries: list[str]


class ProphetAdapter(Adapter[Fitters]):
    """Prophet with its own regressors, holidays and simulated quantiles."""

    model_id = "prophet"
    library = "prophet"
    capabilities = Capabilities(max_horizon=10_000, min_context=2, covariates="native", missing=True)
    options_type: ClassVar[type[Options]] = ProphetOptions

    def load(self, config: ModelConfig) -> Fitters:
        """Return the processes, started and warm."""
        pool = FitPool(config.fit_processes, warm, FITS_PER_LIFE)
        return Fitters(pool, pool.map(list_countries, [None])[0])

    def limits(self, loaded: Fitters) -> Capabilities:
        """Return the limits, with as many fits in a call as keep the processes busy."""
        return loaded.pool.limit(self.capabilities)

    def width(self, task: Task) -> int:
        """Return the same for every task: a fit pads nothing."""
        return 1

    def predict(self, loaded: Fitters, tasks: Sequence[Task]) -> list[Forecast]:
        """Return one forecast per task, fitted side by side.

        Raises RequestError for a country without holidays, and the errors of `fit`.
        """
        for task in tasks:
            country = task.options.country_holidays if isinstance(task.options, ProphetOptions) else None
            if country is not None and country not in loaded.countries:
                hint = nearest(country, loaded.countries)
                raise RequestError(f"There are no holidays of a country '{country}' ({hint}).")
        return loaded.pool.map(fit, tasks)

    def unload(self, loaded: Fitters) -> None:
        """End the processes."""
        loaded.pool.close()


service = ModelService(ProphetAdapter(), ProphetSettings, Path(__file__).parents[1])
initialize_model = service.initialize
get_status = service.get_status
get_model_config = service.get_model_config
get_model_source_info = service.get_model_source_info
run_inference = service.run_inference
shutdown_model = service.shutdown
