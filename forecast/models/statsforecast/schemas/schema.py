"""What statsforecast is configured with, and the parameters that only it has."""

from typing import Literal

from pydantic import Field

from forecast.core.adapter import ModelConfig, Options
from forecast.core.config import ModelSettings

Method = Literal[
    "auto", "AutoETS", "AutoTheta", "AutoARIMA", "MSTL", "SeasonalNaive", "DynamicOptimizedTheta"
]


class StatsforecastSettings(ModelSettings, env_prefix="STATSFORECAST_"):
    """The settings of statsforecast: no weights, and all the history there is."""


class StatsforecastConfig(ModelConfig):
    """What statsforecast is loaded with; `fit_processes` of 0 is one per core."""

    fit_processes: int = Field(0, ge=0)


class StatsforecastOptions(Options):
    """The method, by the name of its class in the library."""

    method: Method = Field(
        "auto",
        description="`auto` chooses by frequency and length of each series; the answer names what was used."
        " AutoARIMA takes covariates itself, the others through a regression.",
    )
