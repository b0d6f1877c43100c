"""From a table and its definition to the series that a model forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pytz.exceptions import InvalidTimeError

from forecast.core.adapter import Capabilities, Floats, Kind, Series
from forecast.core.data.table import Table
from forecast.core.errors import MOST_ERRORS, CellError, DataError, NotSupportedError, RequestError
from forecast.core.schemas import Parameters, Role
from forecast.core.series.calendar import check_frequency, future_index, grid, infer_frequency, season_length
from forecast.core.series.columns import read_categories, read_numbers
from forecast.core.series.covariates import Column, Cut, cut_covariate
from forecast.core.series.dates import parse_dates
from forecast.core.series.definition import ONLY_SERIES, Definition, read_definition
from forecast.core.series.gaps import fill_numbers, gap_error

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The series of one request, in order of first appearance.

    `actuals` has, per series, the known targets after the cutoff: shape (horizon,), NaN where unknown.
    """

    series: tuple[Series, ...]
    actuals: tuple[Floats, ...]
    target_name: str
    freq: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """The columns of the whole table, read."""

    stamps: pd.DatetimeIndex
    target: Floats
    target_name: str
    covariates: list[Column]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    horizon: int
    context_len: int | None
    parameters: Parameters
    limits: Capabilities
    freq: str
    season: int
    known: dict[tuple[pd.Timestamp, pd.Timestamp], tuple[pd.DatetimeIndex, pd.DatetimeIndex]]

    def calendar(self, first: pd.Timestamp, last: pd.Timestamp) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
        """Return the stamps from first to last and the horizon after them, made once for all series."""
        if (first, last) not in self.known:
            future = future_index(last, self.freq, self.horizon)
            self.known[first, last] = (grid(first, last, self.freq), future)
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
    order. Raises DataError naming columns and rows, RequestError and NotSupportedError where the
    parameters do not fit the table or the model.
    """
    if parameters.missing == "model" and not limits.missing:
        raise NotSupportedError("This model takes no gaps; choose another value of 'missing'.")
    definition = read_definition(table, roles)
    names, groups = _group(table.frame, definition)
    stamps = _stamps(table.frame[definition.timestamp], groups, parameters)
    ticks = stamps.astype("int64").to_numpy()
    groups = [rows[np.argsort(ticks[rows], kind="stable")] for rows in groups]
    _refuse_duplicates(definition.timestamp, names, groups, stamps)
    target = read_numbers(table.frame[definition.target])
    sheet = _Sheet(stamps, target, definition.target, _columns(table.frame, definition, parameters))
    freq = _frequency(groups, stamps, parameters)
    season = parameters.season_length or season_length(freq)
    plan = _Plan(horizon, context_len, parameters, limits, freq, season, {})
    series, actuals, warnings = [], [], dict[str, None]()
    for name, rows in zip(names, groups, strict=True):
        one, actual, notes = _one_series(name, rows, sheet, plan)
        series.append(one)
        actuals.append(actual)
        warnings.update(dict.fromkeys(notes))
    return Panel(tuple(series), tuple(actuals), definition.target, freq, tuple(warnings))


def _group(frame: pd.DataFrame, definition: Definition) -> tuple[list[str], list[Rows]]:
    if frame.empty:
        raise DataError("The table has no rows.")
    if definition.id is None:
        return [ONLY_SERIES], [np.arange(len(frame))]
    ids = read_categories(frame[definition.id])
    empty = [row for row, value in enumerate(ids) if value is None]
    if empty:
        raise DataError(
            f"Column '{definition.id}', row {empty[0] + 1}: the series' id is empty.",
            errors=[CellError("empty id", column=definition.id, row=row + 1) for row in empty[:MOST_ERRORS]],
        )
    codes, names = pd.factorize(ids)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(1, len(names)))
    return [str(name) for name in names], np.split(order, bounds)


def _stamps(column: pd.Series, groups: list[Rows], parameters: Parameters) -> pd.DatetimeIndex:
    stamps = parse_dates(column).as_unit("ns")
    if parameters.timezone is None:
        return stamps
    try:
        if stamps.tz is not None:
            return stamps.tz_convert(parameters.timezone)
        parts = [pd.Series(stamps[rows], index=rows) for rows in groups]
        # An hour that the clock repeats is told apart by the order of the rows, series by series.
        zoned = [part.dt.tz_localize(parameters.timezone, ambiguous="infer") for part in parts]
    except KeyError as error:
        raise RequestError(
            f"'{parameters.timezone}' is no time zone; use a name as Europe/Berlin."
        ) from error
    except (ValueError, InvalidTimeError) as error:
        raise DataError(
            f"Column '{column.name}' has a time that the clock of {parameters.timezone} skips or repeats"
            f" ({error}); write the dates with offsets."
        ) from error
    return pd.DatetimeIndex(pd.concat(zoned).sort_index())


def _refuse_duplicates(column: str, names: list[str], groups: list[Rows], stamps: pd.DatetimeIndex) -> None:
    ticks = stamps.astype("int64").to_numpy()
    for name, rows in zip(names, groups, strict=True):
        again = np.flatnonzero(np.diff(ticks[rows]) == 0)
        if len(again):
            pairs = [(int(rows[at]) + 1, int(rows[at + 1]) + 1) for at in again[:MOST_ERRORS]]
            first, second = pairs[0]
            of_series = f" of series '{name}'" if len(names) > 1 else ""
            raise DataError(
                f"Column '{column}': rows {first} and {second}{of_series} have the same date"
                f" {stamps[rows[again[0]]]}. If they are of different series, give a column the role 'id'.",
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


def _frequency(groups: list[Rows], stamps: pd.DatetimeIndex, parameters: Parameters) -> str:
    longest = stamps[max(groups, key=len)]
    if parameters.freq is not None:
        return check_frequency(parameters.freq, longest)
    return infer_frequency(longest)


def _one_series(name: str, rows: Rows, sheet: _Sheet, plan: _Plan) -> tuple[Series, Floats, list[str]]:
    own = sheet.stamps[rows]
    first, last = _window(name, own, sheet.target[rows], plan.parameters)
    index, future = plan.calendar(own[first], own[last])
    places = _places(name, own, pd.DatetimeIndex(index.append(future)), rows, plan)
    index = index[-plan.context_len :] if plan.context_len else index
    places = places[-(len(index) + plan.horizon) :]
    values = np.where(places >= 0, sheet.target[places], np.nan)
    context, actual = values[: len(index)], values[len(index) :]
    empty = np.isnan(context)
    if empty.any() and plan.parameters.missing == "error":
        raise gap_error(sheet.target_name, name, index[empty], places[: len(index)][empty])
    _check_length(name, len(index), plan.limits)
    warnings: list[str] = []
    covariates = []
    for column in sheet.covariates:
        covariate, notes = cut_covariate(column, Cut(name, rows, places, index), plan.parameters, plan.limits)
        covariates.append(covariate)
        warnings.extend(notes)
    series = Series(
        unique_id=name,
        index=index,
        target=fill_numbers(context, plan.parameters.missing),
        future_index=future,
        freq=plan.freq,
        season_length=plan.season,
        covariates=tuple(covariates),
    )
    return series, actual, warnings


def _window(name: str, own: pd.DatetimeIndex, target: Floats, parameters: Parameters) -> tuple[int, int]:
    """Return the positions of the first and the last known target of the context."""
    inside = ~np.isnan(target)
    if parameters.context_start_date is not None:
        inside &= own >= _bound("context_start_date", parameters.context_start_date, own)
    if parameters.context_end_date is not None:
        inside &= own <= _bound("context_end_date", parameters.context_end_date, own)
    known = np.flatnonzero(inside)
    if not len(known):
        raise DataError(f"Series '{name}' has no target between its context's start and end.")
    return int(known[0]), int(known[-1])


def _bound(field: str, text: str, own: pd.DatetimeIndex) -> pd.Timestamp:
    try:
        stamp = parse_dates(pd.Series([text], name=field))[0]
    except DataError as error:
        raise RequestError(f"{field} '{text}' is not a date.") from error
    # A bare date as the end means the whole of that day.
    if field == "context_end_date" and ":" not in text and stamp == stamp.normalize():
        stamp = stamp + pd.Timedelta(days=1) - pd.Timedelta(1, unit="ns")
    if own.tz is None:
        return stamp.tz_convert("UTC").tz_localize(None) if stamp.tz is not None else stamp
    return stamp.tz_convert(own.tz) if stamp.tz is not None else stamp.tz_localize(own.tz)


def _places(name: str, own: pd.DatetimeIndex, calendar: pd.DatetimeIndex, rows: Rows, plan: _Plan) -> Rows:
    """Return, for each stamp of the calendar, the row of the table that it stands in, or -1."""
    ticks = own.astype("int64").to_numpy()
    wanted = calendar.astype("int64").to_numpy()
    at = np.minimum(np.searchsorted(ticks, wanted), len(ticks) - 1)
    present = ticks[at] == wanted
    inside = (ticks >= wanted[0]) & (ticks <= wanted[-1])
    if present.sum() != inside.sum():
        off = np.flatnonzero(inside & ~np.isin(ticks, wanted))
        row = int(rows[off[0]]) + 1
        raise DataError(
            f"Row {row} of series '{name}': {own[off[0]]} does not lie on the calendar '{plan.freq}'"
            f" that begins at {calendar[0]}; pass the right 'freq', or correct the date.",
            errors=[
                CellError(f"not on the calendar {plan.freq}", row=int(rows[at]) + 1)
                for at in off[:MOST_ERRORS]
            ],
        )
    return np.where(present, rows[at], -1)


def _check_length(name: str, length: int, limits: Capabilities) -> None:
    if length < limits.min_context:
        raise DataError(
            f"Series '{name}' has {length} known step{'s' if length != 1 else ''}; this model needs at least"
            f" {limits.min_context}."
        )
