"""The body that asks for a forecast."""

from functools import cache
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, create_model, field_validator, model_validator
from pydantic_core import PydanticCustomError

from forecast.core.adapter import Options
from forecast.core.data.sent import Sent
from forecast.core.data.table import MOST_COLUMNS
from forecast.core.data.text import is_unicode
from forecast.core.schemas import LONGEST, Body, printable
from forecast.core.series.calendar_covariates import MOST_NAMES, name_fault

Role = Literal[
    "target",
    "dynamic_numerical",
    "dynamic_categorical",
    "static_numerical",
    "static_categorical",
    "id",
    "timestamp",
]
Missing = Literal["error", "interpolate", "zero", "ffill", "model"]
XregMode = Literal["xreg + timesfm", "timesfm + xreg"]
XregScope = Literal["series", "pooled"]
_QUANTILES = ("quantile_indices", "quantile_levels", "level")


MOST_SERIES = 100_000
"""The most series that a request may name."""


class Parameters(Body):
    """How to forecast; the parameters that every model has."""

    context_len: int | None = Field(
        None,
        ge=1,
        le=LONGEST,
        description="The last steps of each series to look at; all of a shorter series is used.",
    )
    horizon_len: int | None = Field(None, ge=1, le=LONGEST, description="Steps to forecast.")
    use_covariates: bool = Field(
        True, description="Use the covariates of `data_definition` and `add_calendar`."
    )
    add_calendar: list[Annotated[str, Field(max_length=60)]] | None = Field(
        None,
        min_length=1,
        max_length=MOST_NAMES,
        description="Covariates to make of the dates, as [`month`, `is_weekend`, `holidays:DE`].",
    )
    use_quantiles: bool = Field(True, description="Return quantiles beside the point forecast.")
    quantile_indices: list[Annotated[int, Field(ge=1, le=9)]] | None = Field(
        None,
        min_length=1,
        fail_fast=True,
        description="Deciles whose neighbours form the bands: 1 is Q10, 9 is Q90; [1, 9] by default.",
    )
    quantile_levels: list[Annotated[float, Field(gt=0, lt=1)]] | None = Field(
        None,
        min_length=1,
        fail_fast=True,
        description="Quantile levels to return instead of the mean and the deciles.",
    )
    level: list[Annotated[float, Field(gt=0, lt=100)]] | None = Field(
        None,
        min_length=1,
        fail_fast=True,
        description="Central intervals in percent, as [80, 95]; their bounds are returned as quantiles.",
    )
    series_ids: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None,
        min_length=1,
        max_length=MOST_SERIES,
        fail_fast=True,
        description="Forecast only these series of the `id` column; else all of them.",
    )
    context_start_date: str | None = Field(None, description="Ignore rows before this date.")
    context_end_date: str | None = Field(None, description="The cutoff: nothing after it is forecast from.")
    freq: str | None = Field(None, description="Frequency as a pandas alias (`D`, `h`, `MS`); else inferred.")
    season_length: int | None = Field(
        None, ge=1, le=LONGEST, description="Steps in a season; else from the frequency."
    )
    timezone: str | None = Field(
        None, min_length=1, description="IANA zone of the calendar, as `Europe/Berlin`."
    )
    missing: Missing = Field("error", description="What to do about gaps and empty cells.")
    covariates_mode: Literal["best_effort", "strict"] = Field(
        "best_effort", description="Whether an unknown future of a covariate is bridged or refused."
    )
    xreg_mode: XregMode = Field(
        "xreg + timesfm",
        description="Whether the regression on covariates comes before the model, or after it on its errors.",
    )
    xreg_scope: XregScope = Field(
        "series", description="Whether each series has its own regression, or all of the request share one."
    )
    xreg_ridge: float | None = Field(
        None,
        ge=0,
        le=1e9,
        description="The regression's penalty on every column; by default 0, and 3 where rows are few.",
    )
    multivariate: bool = Field(False, description="Forecast several columns with the role `target` together.")

    @property
    def calendar_names(self) -> tuple[str, ...]:
        """The covariates to make of the dates; none where covariates are not to be used."""
        return tuple(self.add_calendar or ()) if self.use_covariates else ()

    @field_validator("add_calendar")
    @classmethod
    def _knows_the_names(cls, value: list[str] | None) -> list[str] | None:
        fault = next((fault for name in value or () if (fault := name_fault(name)) is not None), None)
        if fault is not None:
            raise PydanticCustomError("calendar", "{fault}", {"fault": printable(fault)})
        return value

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        given = [name for name in _QUANTILES if getattr(self, name) is not None]
        if len(given) > 1:
            told = {"names": " and ".join(given)}
            raise PydanticCustomError("exclusive", "{names} exclude each other; give one of them", told)
        if not self.use_quantiles and (given[:1] in (["level"], ["quantile_levels"])):
            told = {"name": given[0]}
            raise PydanticCustomError(
                "exclusive", "{name} and 'use_quantiles': false exclude each other", told
            )
        for name in (*_QUANTILES, "add_calendar", "series_ids"):
            values = getattr(self, name) or []
            if len(set(values)) != len(values):
                raise PydanticCustomError("repeated", "{name} names a value twice", {"name": name})
        return self


P = TypeVar("P", bound=Parameters)


def _check_table(value: Any) -> Any:
    """Return a table's columns or records, or raise one error: of a list, pydantic makes one an item."""
    if isinstance(value, Sent):
        return value
    shapes = "send columns, {'date': […], 'y': […]}, or records, [{'date': …, 'y': …}, …]"
    if isinstance(value, dict):
        place = next(
            (f"Column '{printable(name)}'" for name, v in value.items() if type(v) is not list), None
        )
        kind = "a list"
    elif isinstance(value, list):
        place = next((f"Item {row}" for row, v in enumerate(value, 1) if type(v) is not dict), None)
        kind = "an object"
    else:
        place, kind = "The table", "an object or a list"
    if place is not None:
        raise PydanticCustomError(
            "table", "{place} is not {kind}; {shapes}", {"place": place, "kind": kind, "shapes": shapes}
        )
    return value


_Table = dict[str, list[Any]] | list[dict[str, Any]]
# Or a Sent, which no JSON makes and the schema need not tell.
Data = Annotated[Any, PlainValidator(_check_table, json_schema_input_type=_Table)]


class TableRequest(Body):
    """A table: where it lies, or itself."""

    data_source_url_or_path: str | None = Field(
        None,
        min_length=1,
        description="A path under the data directory, an http(s) URL, or a bucket's object.",
    )
    data: Data | None = Field(
        None, description="The table itself, by columns or by records, instead of a source."
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.data_source_url_or_path is None) == (self.data is None):
            raise PydanticCustomError("source", "Give either data_source_url_or_path or data")
        return self


def _check_names(value: Any) -> Any:
    names = value if isinstance(value, dict) else ()
    if len(names) > MOST_COLUMNS:
        told = {"count": len(names), "limit": MOST_COLUMNS}
        raise PydanticCustomError("columns", "{count} columns are named; the limit is {limit}", told)
    broken = next((printable(name) for name in names if not is_unicode(name)), None)
    if broken is not None:
        raise PydanticCustomError("unicode", "The name '{name}' is not valid Unicode", {"name": broken})
    return value


Roles = Annotated[dict[str, Role], BeforeValidator(_check_names), Field(min_length=1)]


class InferenceRequest(TableRequest, Generic[P]):
    """A table, what its columns mean, and how to forecast it."""

    data_definition: Roles = Field(description="The role of each column used.")
    parameters: P = Field(description="How to forecast.")


@cache
def request_type(model_id: str, options: type[Options]) -> type[InferenceRequest[Any]]:
    """Return the body that asks a model for a forecast; `options` are the parameters that only it has."""
    parameters = create_model(f"{model_id.title()}Parameters", __base__=(Parameters, options))
    kind: Any = InferenceRequest
    asked: type[InferenceRequest[Any]] = kind[parameters]
    return asked
