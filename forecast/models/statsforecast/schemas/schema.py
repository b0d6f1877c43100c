"""What statsforecast is configured with, and the parameters that only it has."""

from typing import Literal

from pydantic import Field

from forecast.core.adapter import Options
from forecast.core.model_settings import ModelSettings

Method = Literal[
    "auto", "AutoETS", "AutoTheta", "AutoARIMA", "MSTL", "SeasonalNaive", "DynamicOptimizedTheta"
]


class StatsforecastSettings(ModelSettings, env_prefix="STATSFORECAST_"):
    """The settings of statsforecast: no weights, and all the history there is."""

    model_port: int = Field(8006, ge=1, le=65535, description="The model's port as a service of its own.")


class StatsforecastOptions(Options):
    """The method, by the name of its class in the library."""

    method: Method = Field(
        "auto",
        description="`auto` chooses by frequency and length of each series; the answer names what was used."
        " AutoARIMA takes covariates itself, the others through a regression.",
    )
