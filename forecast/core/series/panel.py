"""From a table and its definition to the series that a model forecasts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Capabilities, Floats, Kind, Series
from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.data.table import Table
from forecast.core.errors import DataError, RequestError
from forecast.core.parameters import Parameters, Role
from forecast.core.series.calendar import check_frequency, infer_frequency, season_length
from forecast.core.series.calendar_covariates import CalendarCovariates, read_calendar
from forecast.core.series.choice import choose_series
from forecast.core.series.columns import read_categories, read_numbers
from forecast.core.series.covariates import Column, Cut, cut_covariate
from forecast.core.series.dates import has_several_offsets
from forecast.core.series.definition import Definition, read_definition
from forecast.core.series.gaps import fill_numbers
from forecast.core.series.grid import keeps_clock
from forecast.core.series.groups import Groups, Rows, group_rows, put_in_order
from forecast.core.series.stretches import Stretch, Stretches
from forecast.core.series.ticks import read_ticks
from forecast.core.series.usable import are_inside, are_known
from forecast.core.series.zone import read_stamps


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The series of one request, in order of first appearance, those of several targets side by side.

    `actuals` has, per series, the known targets after the cutoff: shape (horizon,), NaN where unknown.
    `warnings` are all that is to be said, `notes` what of it concerns each series.
    """

    series: tuple[Series, ...]
    actuals: tuple[Floats, ...]
    target_names: tuple[str, ...]
    freq: str
    warnings: tuple[str, ...]
    notes: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """The columns of the whole table, read; `usable` is where a context may begin and end, None anywhere."""

    stamps: pd.DatetimeIndex
    ticks: Rows
    targets: dict[str, Floats]
    covariates: list[Column]
    usable: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    labels: Rows
    parameters: Parameters
    limits: Capabilities
    freq: str
    season: int
    made: CalendarCovariates
    stretches: Stretches


def build_panel(  # noqa: PLR0913 - all of them are what a panel depends on
    table: Table,
    roles: Mapping[str, Role],
    parameters: Parameters,
    *,
    horizon: int,
    context_len: int | None,
    limits: Capabilities,
    by_clock: bool | None = None,
    groups: Groups | None = None,
) -> Panel:
    """Return the panel that a request describes.

    `horizon` and `context_len` are in steps, a context of None being all there is. `by_clock` says whether
    the calendar keeps the clock of its zone; where it is None, the longest series tells. `groups` are those
    of the table where they are known. Rows may come in any order. Of several targets each is a series,
    `<id>/<target>`; they share index and cutoff, the last step at which any of them is known.

    Raises DataError naming columns and rows, RequestError where the parameters do not fit the table.
    """
    definition = read_definition(table, roles, multivariate=parameters.multivariate)
    frame = choose_series(table, definition.id, parameters.series_ids)
    labels = frame.index.to_numpy(dtype=np.int64)
    groups = groups or group_rows(frame, definition)
    stamps = read_stamps(frame[definition.timestamp], list(groups.values()), parameters.timezone)
    ticks = read_ticks(stamps)
    groups = put_in_order(groups, definition.timestamp, stamps, labels)
    targets = {name: read_numbers(frame[name]) for name in definition.targets}
    usable = are_known(targets) & are_inside(ticks, parameters, stamps.tz)
    columns = _columns(frame, definition, parameters)
    sheet = _Sheet(stamps, ticks, targets, columns, None if usable.all() else usable)
    longest = stamps[max(groups.values(), key=len)]
    freq = infer_frequency(longest) if parameters.freq is None else check_frequency(parameters.freq, longest)
    season = parameters.season_length or season_length(freq)
    made = read_calendar(parameters.calendar_names, roles, freq)
    told = check_clock(frame[definition.timestamp], stamps, parameters)
    clock = keeps_clock(longest, freq) if by_clock is None else by_clock
    plan = _Plan(labels, parameters, limits, freq, season, made, Stretches(freq, horizon, context_len, clock))
    series: list[Series] = []
    actuals: list[Floats] = []
    common = (*told, *made.warnings)
    own: list[tuple[str, ...]] = []
    for name, rows in groups.items():
        found, ahead, notes = _read_series(name, rows, sheet, plan)
        series.extend(found)
        actuals.extend(ahead)
        own.extend([(*common, *notes)] * len(found))
    warnings = dict.fromkeys(chain(common, *own))
    return Panel(tuple(series), tuple(actuals), definition.targets, freq, tuple(warnings), tuple(own))


def check_clock(column: pd.Series, stamps: pd.DatetimeIndex, parameters: Parameters) -> list[str]:
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
    first, last = (0, len(rows) - 1) if sheet.usable is None else _window(name, sheet.usable[rows])
    stretch = plan.stretches.of(name, sheet.stamps, sheet.ticks, rows[first : last + 1])
    places = _places(name, rows[first:], stretch, sheet, plan)
    cut = Cut(name, rows, places, stretch.index, stretch.start, plan.labels)
    steps = len(stretch.index)
    targets, actuals = {}, []
    for target, whole in sheet.targets.items():
        values = np.where(places >= 0, whole[places], np.nan)
        targets[target] = _past(target, values[:steps], cut, plan.parameters)
        # Copied where they would keep all the history in memory.
        actuals.append(values[steps:].copy())
    _check_length(name, targets.values(), plan.limits)
    warnings: list[str] = []
    covariates = []
    for column in sheet.covariates:
        covariate, notes = cut_covariate(column, cut, plan.parameters, plan.limits)
        covariates.append(covariate)
        warnings.extend(notes)
    made, told = plan.made.make(stretch.context, stretch.future)
    covariates.extend(made)
    warnings.extend(told)
    series = [
        Series(
            unique_id=name if len(targets) == 1 else f"{name}/{target}",
            index=stretch.context,
            target=past,
            future_index=stretch.future,
            freq=plan.freq,
            season_length=plan.season,
            covariates=tuple(covariates),
        )
        for target, past in targets.items()
    ]
    return series, actuals, warnings


def _past(target: str, values: Floats, cut: Cut, parameters: Parameters) -> Floats:
    """Return one target's context, its gaps refused, filled or left."""
    gaps = np.isnan(values)
    if not gaps.any():
        return values[cut.start :].copy() if cut.start else values
    if parameters.missing == "error":
        cut.refuse_gaps(target, gaps)
    past = fill_numbers(values, parameters.missing)[cut.start :]
    if np.isnan(past).all():
        raise DataError(f"Series '{cut.unique_id}' has no value of target '{target}' in its context.")
    return past


def _window(name: str, usable: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the positions of the first and the last known target of the context."""
    if not usable.any():
        raise DataError(f"Series '{name}' has no target between its context's start and end.")
    return int(usable.argmax()), len(usable) - 1 - int(usable[::-1].argmax())


def _places(name: str, rows: Rows, stretch: Stretch, sheet: _Sheet, plan: _Plan) -> Rows:
    """Return, for each stamp of a stretch, the row of the table that it stands in, or -1.

    Of the series' rows, those from the first known target on, none may lie off the calendar.
    """
    ticks, wanted = sheet.ticks[rows], stretch.ticks
    if len(ticks) <= len(wanted) and np.array_equal(ticks, wanted[: len(ticks)]):
        return np.concatenate([rows, np.full(len(wanted) - len(rows), -1)])
    at = np.minimum(np.searchsorted(ticks, wanted), len(ticks) - 1)
    present = ticks[at] == wanted
    inside = ticks <= wanted[-1]
    if present.sum() != inside.sum():
        off = rows[np.flatnonzero(inside & ~np.isin(ticks, wanted))]
        numbers = [int(plan.labels[row]) + 1 for row in off[:MOST_ERRORS]]
        start = stretch.index.append(stretch.future)[0]
        raise DataError(
            f"Row {numbers[0]} of series '{name}': {sheet.stamps[off[0]]} does not lie on the calendar"
            f" '{plan.freq}' that begins at {start}; pass the right 'freq', or correct the date.",
            errors=[CellError(f"not on the calendar {plan.freq}", row=number) for number in numbers],
            details={
                "series": name,
                "off_calendar": [sheet.stamps[row].isoformat() for row in off[:MOST_ERRORS]],
                "freq": plan.freq,
                "start": start.isoformat(),
            },
        )
    return np.where(present, rows[at], -1)


def _check_length(name: str, targets: Iterable[Floats], limits: Capabilities) -> None:
    if limits.min_context <= 1:
        return  # There is one at least, or the context would have been refused.
    known = min(int(np.count_nonzero(~np.isnan(target))) for target in targets)
    if known < limits.min_context:
        raise DataError(
            f"Series '{name}' has {known} known step{'s' if known != 1 else ''} in its context; this model"
            f" needs at least {limits.min_context}.",
            details={"series": name, "known": known, "needed": limits.min_context},
        )
