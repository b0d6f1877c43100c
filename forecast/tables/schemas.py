"""The bodies of the routes that check a table."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from forecast.core.parameters import Role, Roles, TableRequest
from forecast.core.schemas import LONGEST, Body
from forecast.core.series.dates import First

ColumnKind = Literal["numerical", "categorical", "date"]
Code = Literal[
    "encoding",
    "title_row",
    "no_date",
    "ambiguous_date",
    "not_a_date",
    "empty_id",
    "no_target",
    "hours_apart",
    "not_a_number",
    "thousands",
    "duplicates",
    "unknown_freq",
    "off_calendar",
    "gaps",
    "no_values",
    "static_varies",
    "too_short",
    "incomplete_last",
    "constant",
]


class Repairs(Body):
    """What to do about each kind of problem; a kind left out is told instead."""

    encoding: Literal["windows_1252"] | None = Field(
        None, description="Read text that is not UTF-8 as Windows-1252 (Western Europe)."
    )
    title_row: Literal["skip"] | None = Field(
        None, description="Leave out what stands above the names of the columns."
    )
    ambiguous_date: First | None = Field(
        None, description="Read `01/02/2024` as February 1st, or January 2nd."
    )
    not_a_date: Literal["drop_row"] | None = Field(None, description="Leave out rows without a date.")
    empty_id: Literal["drop_row"] | None = Field(None, description="Leave out rows of no series.")
    not_a_number: Literal["decimal_comma", "thousands_comma", "empty", "drop_row"] | None = Field(
        None,
        description="Read `1.234,5` or `1,234.5` as 1234.5 and empty what is still none, empty the cells, or"
        " leave out their rows.",
    )
    thousands: Literal["decimal_comma"] | None = Field(
        None, description="Read `1.234` as 1234 in columns where all points look like those of thousands."
    )
    duplicates: Literal["first", "last", "mean", "sum"] | None = Field(
        None,
        description="Keep one row of a date, or make one with the mean or the sum of the targets;"
        " of numerical covariates the mean, of all else the first value.",
    )
    off_calendar: Literal["drop_row"] | None = Field(
        None, description="Leave out rows that lie off the calendar."
    )
    gaps: Literal["interpolate", "ffill", "zero"] | None = Field(
        None, description="Fill empty cells and missing rows, as `missing` does."
    )
    incomplete_last: Literal["drop"] | None = Field(
        None, description="Take the last target of a series as unknown."
    )
    no_values: Literal["drop_series"] | None = Field(
        None, description="Leave out series that have no target to forecast from."
    )


class CheckRequest(TableRequest):
    """A table to check, and how to repair it."""

    data_definition: Roles | None = Field(
        None, description="The role of each column used; all are guessed where it is left out."
    )
    freq: str | None = Field(None, description="Frequency as a pandas alias (`D`, `h`, `MS`); else inferred.")
    sheet: str | None = Field(
        None, description="The sheet of an Excel file; else the first that has dates and numbers."
    )
    repairs: Repairs | None = Field(None, description="What to do about problems.")
    holdout: int | None = Field(
        None, ge=1, le=LONGEST, description="Empty so many of the last known targets of each series."
    )
    keep: bool = Field(True, description="Keep the table for forecasts, once nothing is in their way.")


class CheckedColumn(BaseModel):
    """One column of a table, and its role."""

    name: str
    kind: ColumnKind
    missing: int = Field(description="Empty cells.")
    distinct: int = Field(description="Different values.")
    role: Role | None
    guessed: bool = Field(description="Whether the role was found here and not given.")


class CheckedSeries(BaseModel):
    """One series of a table."""

    unique_id: str
    steps: int = Field(description="Steps of the calendar from `start` to `end`.")
    start: str | None = Field(description="The first known target.")
    end: str | None = Field(description="The last known target.")
    future_steps: int = Field(description="Rows after `end`.")
    missing_steps: int = Field(description="Steps from `start` to `end` that have no row.")
    empty_targets: int = Field(description="Rows from `start` to `end` that have no target.")


class TableProblem(BaseModel):
    """Something about a table that is in the way of a forecast, or that its reader should know."""

    code: Code
    message: str
    column: str | None = None
    rows: list[int] = Field(description="The first 20 rows concerned, as the source counts them from 1.")
    count: int = Field(description="How many cells, rows, steps or series are concerned.")
    blocking: bool = Field(description="Whether an inference would refuse the table.")
    repairs: list[str] = Field(description="What `repairs` may say about it, best first.")


class KeptTable(BaseModel):
    """The cells of a table."""

    columns: dict[str, list[Any]] = Field(description="Numbers, text (dates in ISO 8601) or null.")


class CheckedTable(BaseModel):
    """What a table holds, what its columns mean, what is wrong with it, and where it is kept."""

    path: str | None = Field(description="What to pass as `data_source_url_or_path`.")
    rows: int = Field(description="Rows of the source.")
    sheets: list[str] = Field(description="The sheets of an Excel file.")
    sheet: str | None = Field(description="The one that was read.")
    columns: list[CheckedColumn]
    data_definition: dict[str, Role] = Field(description="The roles in force.")
    freq: str | None
    season_length: int | None
    series_count: int
    series: list[CheckedSeries]
    problems: list[TableProblem]
    settled: list[TableProblem] = Field(description="Problems that were settled as `repairs` asked.")
    table: KeptTable
    head: KeptTable = Field(description="The first 20 rows of the source, as they stand there.")


class Sample(BaseModel):
    """A table that is shipped with the gateway."""

    name: str
    path: str = Field(description="What to pass as `data_source_url_or_path`.")
    description: str
    data_definition: dict[str, Role]
    freq: str
    rows: int


class SamplesResponse(BaseModel):
    """The samples there are."""

    samples: list[Sample]
