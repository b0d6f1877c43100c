"""From a table and its definition to the series that a model forecasts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Capabilities, Floats, Kind, Series
from forecast.core.data.table import Table
from forecast.core.errors import MOST_ERRORS, CellError, DataError, RequestError
from forecast.core.parameters import Parameters, Role
from forecast.core.series.calendar import check_frequency, infer_frequency, season_length
from forecast.core.series.calendar_covariates import CalendarCovariates, read_calendar
from forecast.core.series.choice import choose_series
from forecast.core.series.columns import read_categories, read_numbers
from forecast.core.series.covariates import Column, Cut, cut_covariate
from forecast.core.series.dates import has_several_offsets
from forecast.core.series.definition import ONLY_SERIES, Definition, read_definition
from forecast.core.series.gaps import fill_numbers
from forecast.core.series.grid import check_steps, future_index, grid, keeps_clock
from forecast.core.series.zone import read_bound, read_stamps

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The series of one request, in order of first appearance, those of several targets side by side.

    `actuals` has, per series, the known targets after the cutoff: shape (horizon,), NaN where unknown.
    """

    series: tuple[Series, ...]
    actuals: tuple[Floats, ...]
    target_names: tuple[str, ...]
    freq: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """The columns of the whole table, read."""

    stamps: pd.DatetimeIndex
    targets: dict[str, Floats]
    covariates: list[Column]

    def known(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which of the rows have any target."""
        known: NDArray[np.bool_] = ~np.all(
            [np.isnan(values[rows]) for values in self.targets.values()], axis=0
        )
        return known


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    labels: Rows
    horizon: int
    context_len: int | None
    parameters: Parameters
    limits: Capabilities
    freq: str
    season: int
    by_clock: bool
    made: CalendarCovariates
    known: dict[tuple[pd.Timestamp, pd.Timestamp], tuple[pd.DatetimeIndex, pd.DatetimeIndex]]

    def calendar(self, first: pd.Timestamp, last: pd.Timestamp) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
        """Return the stamps from first to last and the horizon after them, made once for all series."""
        if (first, last) not in self.known:
            index = grid(first, last, self.freq, by_clock=self.by_clock)
            future = future_index(last, self.freq, self.horizon, by_clock=self.by_clock)
            self.known[first, last] = (index, future)
        return self.known[first, last]


def build_panel(
    table: Table,
    roles: Mapping[str, Role],
    parameters: Parameters,
    *,
    horizon: int,
    context_len: int | None,
    limits: Capabilities,
) -> Panel:
    """Return the panel that a request describes.

    `horizon` and `context_len` are in steps, a context of None being all there is. Rows may come in any
    order. Of several targets each is a series, `<id>/<target>`; they share index and cutoff, the last step
    at which any of them is known. Raises DataError naming columns and rows, RequestError where the parameters
    do not fit the table.
    """
    definition = read_definition(table, roles, multivariate=parameters.multivariate)
    frame = choose_series(table, definition.id, parameters.series_ids)
    labels = frame.index.to_numpy(dtype=np.int64)
    names, groups = _group(frame, definition)
    stamps = read_stamps(frame[definition.timestamp], groups, parameters.timezone)
    ticks = stamps.astype("int64").to_numpy()
    groups = [rows[np.argsort(ticks[rows], kind="stable")] for rows in groups]
    _refuse_duplicates(definition.timestamp, names, groups, pd.Series(stamps, index=labels))
    targets = {name: read_numbers(frame[name]) for name in definition.targets}
    sheet = _Sheet(stamps, targets, _columns(frame, definition, parameters))
    longest = stamps[max(groups, key=len)]
    freq = infer_frequency(longest) if parameters.freq is None else check_frequency(parameters.freq, longest)
    season = parameters.season_length or season_length(freq)
    made = read_calendar(parameters.calendar_names, roles, freq)
    told = _check_clock(frame[definition.timestamp], stamps, parameters)
    by_clock = keeps_clock(longest, freq)
    plan = _Plan(labels, horizon, context_len, parameters, limits, freq, season, by_clock, made, {})
    series: list[Series] = []
    actuals: list[Floats] = []
    warnings = dict.fromkeys((*told, *made.warnings))
    for name, rows in zip(names, groups, strict=True):
        found, ahead, notes = _read_series(name, rows, sheet, plan)
        series.extend(found)
        actuals.extend(ahead)
        warnings.update(dict.fromkeys(notes))
    return Panel(tuple(series), tuple(actuals), definition.targets, freq, tuple(warnings))


def _check_clock(column: pd.Series, stamps: pd.DatetimeIndex, parameters: Parameters) -> list[str]:
    """Return a warning where stamps lost the clock they were written by; refuse covariates made of it."""
    if parameters.timezone is not None or stamps.tz is None or not has_several_offsets(column):
        return []
    if parameters.calendar_names:
        raise RequestError(
            f"The dates of column '{column.name}' have several offsets from UTC, so add_calendar cannot tell"
            " hours and days by their clock; pass 'timezone', as Europe/Berlin."
        )
    return [
        f"The dates of column '{column.name}' have several offsets from UTC and were read as UTC; pass"
        " 'timezone' to keep their clock."
    ]


def _group(frame: pd.DataFrame, definition: Definition) -> tuple[list[str], list[Rows]]:
    if frame.empty:
        raise DataError("The table has no rows.")
    if definition.id is None:
        return [ONLY_SERIES], [np.arange(len(frame))]
    ids = read_categories(frame[definition.id])
    empty = [int(row) + 1 for row, value in zip(frame.index, ids, strict=True) if value is None]
    if empty:
        raise DataError(
            f"Column '{definition.id}', row {empty[0]}: the series' id is empty.",
            errors=[CellError("empty id", column=definition.id, row=row) for row in empty[:MOST_ERRORS]],
        )
    codes, names = pd.factorize(ids)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(1, len(names)))
    return [str(name) for name in names], np.split(order, bounds)


def _refuse_duplicates(column: str, names: list[str], groups: list[Rows], stamps: pd.Series) -> None:
    ticks = stamps.astype("int64").to_numpy()
    labels = stamps.index
    for name, rows in zip(names, groups, strict=True):
        again = np.flatnonzero(np.diff(ticks[rows]) == 0)
        if len(again):
            found = [rows[at : at + 2] for at in again[:MOST_ERRORS]]
            pairs = [(int(labels[one]) + 1, int(labels[other]) + 1) for one, other in found]
            first, second = pairs[0]
            of_series = f" of series '{name}'" if len(names) > 1 else ""
            raise DataError(
                f"Column '{column}': rows {first} and {second}{of_series} have the same date"
                f" {stamps.iloc[rows[again[0]]]}. If they are of different series, give a column the role"
                " 'id'.",
                errors=[
                    CellError(f"same date as row {one}", column=column, row=other) for one, other in pairs
                ],
            )


def _columns(frame: pd.DataFrame, definition: Definition, parameters: Parameters) -> list[Column]:
    if not parameters.use_covariates:
        return []
    found = []
    for name, role in definition.covariates.items():
        numerical = role.endswith("numerical")
        values = read_numbers(frame[name]) if numerical else read_categories(frame[name])
        kind: Kind = "numerical" if numerical else "categorical"
        found.append(Column(name, kind, role.startswith("static"), values))
    return found


def _read_series(
    name: str, rows: Rows, sheet: _Sheet, plan: _Plan
) -> tuple[list[Series], list[Floats], list[str]]:
    own = sheet.stamps[rows]
    first, last = _window(name, own, sheet.known(rows), plan.parameters)
    check_steps(name, own[first : last + 1], plan.freq)
    index, future = plan.calendar(own[first], own[last])
    places = _places(name, own, first, pd.DatetimeIndex(index.append(future)), rows, plan)
    start = max(0, len(index) - plan.context_len) if plan.context_len else 0
    cut = Cut(name, rows, places, index, start, plan.labels)
    targets, actuals = {}, []
    for target, whole in sheet.targets.items():
        values = np.where(places >= 0, whole[places], np.nan)
        targets[target] = _past(target, values[: len(index)], cut, plan.parameters)
        actuals.append(values[len(index) :])
    _check_length(name, targets.values(), plan.limits)
    warnings: list[str] = []
    covariates = []
    for column in sheet.covariates:
        covariate, notes = cut_covariate(column, cut, plan.parameters, plan.limits)
        covariates.append(covariate)
        warnings.extend(notes)
    made, told = plan.made.make(index[start:], future)
    covariates.extend(made)
    warnings.extend(told)
    series = [
        Series(
            unique_id=name if len(targets) == 1 else f"{name}/{target}",
            index=index[start:],
            target=past,
            future_index=future,
            freq=plan.freq,
            season_length=plan.season,
            covariates=tuple(covariates),
        )
        for target, past in targets.items()
    ]
    return series, actuals, warnings


def _past(target: str, values: Floats, cut: Cut, parameters: Parameters) -> Floats:
    """Return one target's context, its gaps refused, filled or left."""
    if parameters.missing == "error":
        cut.refuse_gaps(target, np.isnan(values))
    past = fill_numbers(values, parameters.missing)[cut.start :]
    if np.isnan(past).all():
        raise DataError(f"Series '{cut.unique_id}' has no value of target '{target}' in its context.")
    return past


def _window(
    name: str, own: pd.DatetimeIndex, known: NDArray[np.bool_], parameters: Parameters
) -> tuple[int, int]:
    """Return the positions of the first and the last known target of the context."""
    inside = known.copy()
    if parameters.context_start_date is not None:
        inside &= own >= read_bound("context_start_date", parameters.context_start_date, own.tz)
    if parameters.context_end_date is not None:
        inside &= own <= read_bound("context_end_date", parameters.context_end_date, own.tz)
    places = np.flatnonzero(inside)
    if not len(places):
        raise DataError(f"Series '{name}' has no target between its context's start and end.")
    return int(places[0]), int(places[-1])


def _places(
    name: str, own: pd.DatetimeIndex, first: int, calendar: pd.DatetimeIndex, rows: Rows, plan: _Plan
) -> Rows:
    """Return, for each stamp of the calendar, the row of the table that it stands in, or -1.

    From position `first` on no row may lie off the calendar.
    """
    ticks = own.astype("int64").to_numpy()
    wanted = calendar.astype("int64").to_numpy()
    at = np.minimum(np.searchsorted(ticks, wanted), len(ticks) - 1)
    present = ticks[at] == wanted
    inside = (ticks >= ticks[first]) & (ticks <= wanted[-1])
    if present.sum() != inside.sum():
        off = np.flatnonzero(inside & ~np.isin(ticks, wanted))
        numbers = [int(plan.labels[rows[at]]) + 1 for at in off[:MOST_ERRORS]]
        raise DataError(
            f"Row {numbers[0]} of series '{name}': {own[off[0]]} does not lie on the calendar '{plan.freq}'"
            f" that begins at {calendar[0]}; pass the right 'freq', or correct the date.",
            errors=[CellError(f"not on the calendar {plan.freq}", row=number) for number in numbers],
        )
    return np.where(present, rows[at], -1)


def _check_length(name: str, targets: Iterable[Floats], limits: Capabilities) -> None:
    known = min(int(np.count_nonzero(~np.isnan(target))) for target in targets)
    if known < limits.min_context:
        raise DataError(
            f"Series '{name}' has {known} known step{'s' if known != 1 else ''} in its context; this model"
            f" needs at least {limits.min_context}.",
            details={"series": name, "known": known, "needed": limits.min_context},
        )
