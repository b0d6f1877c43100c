"""The bodies and answers of history."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from forecast.core.errors import RequestError
from forecast.core.parameters import Data, Missing, Role
from forecast.core.schemas import Body, printable
from forecast.core.series.calendar_covariates import MOST_NAMES, name_fault
from forecast.history.columns import OWN
from forecast.history.sent import LONGEST_NAME

CovariateRole = Literal["dynamic_numerical", "dynamic_categorical", "static_numerical", "static_categorical"]


def check_name(name: str) -> str:
    """Return the name of a dataset; raise RequestError where it is empty, too long or not printable."""
    if not name.strip() or not name.isprintable() or "/" in name or len(name) > LONGEST_NAME:
        raise RequestError(
            f"A dataset's name has 1 to {LONGEST_NAME} printable characters, none of them a slash."
        )
    return name


class DatasetSettings(Body):
    """How the history of a dataset is meant; what is left out has its default."""

    missing: Missing = Field("error", description="What a forecast does about missing steps.")
    freq: str | None = Field(
        None, min_length=1, max_length=40, description="Frequency as a pandas alias; else inferred."
    )
    timezone: str | None = Field(None, description="IANA zone of its clock, as `Europe/Berlin`.")
    country: str | None = Field(
        None,
        min_length=2,
        max_length=10,
        description="Country, as `DE` or `DE-BY`, whose holidays are a covariate, as weekends then are.",
    )
    calendar: list[Annotated[str, Field(max_length=60)]] | None = Field(
        None,
        max_length=MOST_NAMES,
        description="Covariates to make of the dates instead: [`is_weekend`, `holidays:DE`], or none: [].",
    )
    roles: dict[Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)], CovariateRole | None] = Field(
        default_factory=dict,
        max_length=200,
        description="The role of covariates, null for one that forecasts leave out; else by their values.",
    )

    @field_validator("calendar")
    @classmethod
    def _knows_the_names(cls, value: list[str] | None) -> list[str] | None:
        fault = next((fault for name in value or () if (fault := name_fault(name)) is not None), None)
        if fault is not None:
            raise PydanticCustomError("calendar", "{fault}", {"fault": printable(fault)})
        if len(set(value or ())) != len(value or ()):
            raise PydanticCustomError("repeated", "calendar names a covariate twice")
        return value

    @field_validator("roles")
    @classmethod
    def _leaves_own_columns(cls, value: dict[str, Any]) -> dict[str, Any]:
        own = next((name for name in value if name in OWN), None)
        if own is not None:
            raise PydanticCustomError("own", "'{name}' is no covariate", {"name": own})
        return value


class DatasetInfo(BaseModel):
    """A dataset: how it is meant, and what is in it."""

    name: str
    missing: Missing
    freq: str | None
    timezone: str | None
    country: str | None
    calendar: list[str] | None
    covariates: dict[str, Role | None] = Field(
        description="The role of each covariate that it has; null where forecasts leave it out."
    )
    roles: dict[str, Role | None] = Field(description="The roles that covariates were given.")
    made: list[str] = Field(description="The covariates that are made of the dates.")
    items: int
    rows: int
    first: str | None = Field(description="The first stamp of any item.")
    last: str | None = Field(description="The last stamp of any item, planned ones without a value too.")
    created_at: datetime


class DatasetList(BaseModel):
    """A client's datasets, by name."""

    datasets: list[DatasetInfo]


class SeriesBody(Body):
    """Observations in long form, a row for each item and time."""

    data: Data = Field(description="The table, by columns or by records.")
    dataset: str | None = Field(None, description="The dataset, made when it is not there.")
    item_column: str | None = Field(None, description="The column of items, `item_id` by default.")
    timestamp_column: str | None = Field(None, description="The column of stamps.")
    value_column: str | None = Field(None, description="The column of values.")
    item_id: str | None = Field(
        None, description="The item of all rows, of a table without a column of items."
    )


class SeriesWritten(BaseModel):
    """What a table did to a dataset."""

    dataset: str
    rows: int
    inserted: int
    updated: int = Field(description="Rows that were there and had another value or covariate.")
    unchanged: int
    items: int
    new_items: int
    first: str
    last: str
    covariates: dict[str, Role | None] = Field(description="The covariates of the table and their roles.")
    warnings: list[str]


class SeriesDeleted(BaseModel):
    """How many rows were deleted."""

    dataset: str
    deleted: int


class Gap(BaseModel):
    """Steps without a value, from the first to the last of them."""

    first: str
    last: str
    steps: int


class ItemInfo(BaseModel):
    """What there is of an item."""

    item_id: str
    first: str | None = Field(description="The first stamp with a value; null where there is none.")
    last: str | None = Field(description="The last stamp with a value, which a forecast goes on from.")
    planned_until: str | None = Field(
        description="The last row after that, whose covariates are planned; null where there is none."
    )
    rows: int
    frequency: str | None = Field(description="The dataset's, else inferred; null where there is none.")
    missing: int | None = Field(description="Steps between first and last value that have none.")
    gaps: list[Gap] | None = Field(description="The first of the gaps.")


class ItemList(BaseModel):
    """Some items of a dataset, by name."""

    dataset: str
    items: list[ItemInfo]
    next_cursor: str | None = Field(description="What to pass as `cursor` for the next ones.")
