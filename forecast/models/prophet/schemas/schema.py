"""What Prophet is configured with, and the parameters that only it has."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from forecast.core.adapter import Options
from forecast.core.model_settings import ModelSettings
from forecast.core.pool import available_cores

FITS_PER_PROCESS = 4
"""Fits of one process in one chunk: enough to keep all busy, few enough to let others through."""


def _read_season(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:  # one fault a kind, none of which says what is meant
        told = "Input should be 'auto', true, false or a number of Fourier terms from 1 to 100"
        raise PydanticCustomError("season", told) from None


Season = Annotated[Literal["auto"] | bool | Annotated[int, Field(ge=1, le=100)], WrapValidator(_read_season)]
_SEASON = "seasonality: `auto`, on, off, or the number of its Fourier terms."


class ProphetSettings(ModelSettings, env_prefix="PROPHET_"):
    """The settings of Prophet: no weights, and all the history there is."""

    model_port: int = Field(8003, ge=1, le=65535, description="The model's port as a service of its own.")

    @model_validator(mode="after")
    def _fill_all_processes(self) -> Self:
        if self.batch_size is None:
            self.batch_size = FITS_PER_PROCESS * (self.fit_processes or available_cores())
        return self


class ProphetOptions(Options):
    """The trend, the seasons and the priors, by the names of Prophet's own arguments."""

    growth: Literal["linear", "flat", "logistic"] = Field(
        "linear", description="The trend; `logistic` saturates at `cap`, which it needs."
    )
    cap: float | None = Field(None, description="What logistic growth saturates at, above `floor`.")
    floor: float | None = Field(None, description="What logistic growth begins at; 0 by default.")
    n_changepoints: int = Field(25, ge=0, le=500, description="How often the trend may have changed.")
    changepoint_prior_scale: float = Field(
        0.05, gt=0, le=1000, description="How much the trend may change; larger follows the data closer."
    )
    seasonality_mode: Literal["additive", "multiplicative"] = Field(
        "additive", description="Whether seasons add to the trend or scale with it."
    )
    yearly_seasonality: Season = Field("auto", description=f"Yearly {_SEASON}")
    weekly_seasonality: Season = Field("auto", description=f"Weekly {_SEASON}")
    daily_seasonality: Season = Field("auto", description=f"Daily {_SEASON}")
    seasonality_prior_scale: float = Field(
        10.0, gt=0, le=1000, description="How large seasons may be; smaller dampens them."
    )
    country_holidays: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(
        None, description="Country whose holidays have effects, by its ISO 3166 code as `DE`."
    )
    holidays_prior_scale: float = Field(
        10.0, gt=0, le=1000, description="How large the effects of holidays and covariates may be."
    )
    uncertainty_samples: int = Field(
        1000, ge=10, le=10_000, description="Simulated futures that the quantiles are taken from."
    )

    @model_validator(mode="after")
    def _logistic_growth_has_its_bounds(self) -> Self:
        if self.growth != "logistic":
            if self.cap is not None or self.floor is not None:
                raise PydanticCustomError("growth", "cap and floor need growth 'logistic'")
        elif self.cap is None:
            raise PydanticCustomError("growth", "growth 'logistic' needs cap, the value it saturates at")
        elif self.cap <= (self.floor or 0.0):
            raise PydanticCustomError("growth", "cap must be greater than floor, which is 0 by default")
        return self
