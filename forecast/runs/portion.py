"""Series of a run on their way to a model: the request, and the rows of a table that it is about."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.core.data.table import Table
from forecast.core.errors import DataError
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.series.calendar import check_frequency, infer_frequency
from forecast.core.series.choice import choose_series
from forecast.core.series.definition import Definition, read_definition
from forecast.core.series.grid import keeps_clock
from forecast.core.series.groups import Groups, Rows, group_rows
from forecast.core.series.panel import check_clock
from forecast.core.series.zone import read_stamps

Calendar = tuple[str, bool]
"""A frequency, and whether it keeps the clock of its zone."""
_MOST_TRIED = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """Some series of a run, whose forecasts do not depend on which others are with them.

    `frame` is labelled with the rows of the caller's table, its stamps read; `rows` has the places of each
    series' rows by name, in order of first appearance. `by_clock` is that of build_panel, `notes` are
    warnings about the whole table. Where `lenient`, a series that has no value of a covariate is forecast
    without it.
    """

    request: InferenceRequest[Any]
    frame: pd.DataFrame
    definition: Definition
    rows: Groups
    by_clock: bool
    notes: tuple[str, ...] = ()
    lenient: bool = False

    @property
    def table(self) -> Table:
        """The rows as a table."""
        return Table(self.frame)

    @property
    def calendar(self) -> Calendar:
        """The calendar that all series lie on."""
        return self.request.parameters.freq, self.by_clock

    @property
    def stamps(self) -> pd.DatetimeIndex:
        """The stamp of each row."""
        return pd.DatetimeIndex(self.frame[self.definition.timestamp])

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are forecast."""
        return self.definition.targets

    def without(self, covariates: Collection[str]) -> "Portion":
        """Return the portion without some of its covariates."""
        if not covariates:
            return self
        roles = {name: role for name, role in self.request.data_definition.items() if name not in covariates}
        request = self.request.model_copy(update={"data_definition": roles})
        frame = self.frame.drop(columns=list(covariates))
        multivariate = request.parameters.multivariate
        definition = read_definition(Table(frame), roles, multivariate=multivariate)
        return replace(self, request=request, frame=frame, definition=definition)

    def only(self, names: Collection[str]) -> "Portion":
        """Return the portion of some of its series in this order, their rows in that of the table."""
        if len(names) == len(self.rows):
            return self
        chosen = {name: self.rows[name] for name in names}
        places = np.concatenate(list(chosen.values()))
        if (np.diff(places) == 1).all():  # as where a table has its series one after another
            first, end = int(places[0]), int(places[-1]) + 1
            found = {name: rows - first for name, rows in chosen.items()}
            return replace(self, frame=self.frame.iloc[first:end], rows=found)
        places.sort()
        found = {name: np.searchsorted(places, rows) for name, rows in chosen.items()}
        return replace(self, frame=self.frame.iloc[places], rows=found)


def is_pooled(request: InferenceRequest[Any]) -> bool:
    """Return whether the forecasts of series depend on those that are with them after all."""
    parameters: Parameters = request.parameters
    return parameters.xreg_scope == "pooled" and parameters.use_covariates


def make_portion(request: InferenceRequest[Any], table: Table, calendar: Calendar | None = None) -> Portion:
    """Return all series that a request asks for of a table, on the calendar that they have in common.

    That is the one given, else that of the longest series which tells one. Raises the errors of the table as
    a whole: of its columns, its dates, ids that are not there, no series that tells a calendar.
    """
    parameters: Parameters = request.parameters
    definition = read_definition(table, request.data_definition, multivariate=parameters.multivariate)
    chosen = choose_series(table, definition.id, parameters.series_ids)
    used = [definition.timestamp, *request.data_definition]
    frame = chosen[[name for name in chosen.columns if name in used]]
    rows = group_rows(frame, definition)
    groups = list(rows.values())
    stamps = read_stamps(frame[definition.timestamp], groups, parameters.timezone)
    notes = check_clock(frame[definition.timestamp], stamps, parameters)
    freq, by_clock = calendar or _find_calendar(stamps, groups, parameters.freq)
    read = frame.copy(deep=False)  # whose column is replaced, not written to
    read[definition.timestamp] = stamps
    roles = {**request.data_definition, definition.timestamp: "timestamp"}
    told = parameters.model_copy(update={"freq": freq, "series_ids": None})
    whole = request.model_copy(update={"data_definition": roles, "parameters": told})
    return Portion(whole, read, definition, rows, by_clock, tuple(notes))


def _find_calendar(stamps: pd.DatetimeIndex, groups: list[Rows], freq: str | None) -> Calendar:
    """Return the calendar of the longest series that tells one."""
    order = sorted(groups, key=len, reverse=True)
    if freq is not None:
        longest = stamps[order[0]]
        found = check_frequency(freq, longest)
        return found, keeps_clock(longest, found)
    first: DataError | None = None
    for rows in order[:_MOST_TRIED]:
        own = stamps[rows]
        try:
            found = infer_frequency(own)
        except DataError as error:
            first = first or error
            continue
        return found, keeps_clock(own, found)
    raise first or DataError("The table has no rows.")
