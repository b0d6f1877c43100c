"""Steps of a series that have no row, and rows that have no value."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.parameters import Missing
from forecast.core.series.covariates import Values
from forecast.core.series.gaps import fill_categories, fill_numbers
from forecast.tables.calendar import Calendar
from forecast.tables.problems import Problems, say, tell_date
from forecast.tables.sheet import Rows, Sheet, Span, find_spans, is_empty_cell, refuse_if_large

_REPAIRS = ("interpolate", "ffill", "zero")


@dataclass(frozen=True, slots=True)
class Hole:
    """How many steps of one series have no row, and how many of its rows no target, within its targets."""

    steps: int
    empty: int


def measure_holes(sheet: Sheet, calendar: Calendar | None) -> dict[str, Hole]:
    """Return the holes of each series with a target; no steps are missing where no calendar is known."""
    found = {}
    known = sheet.known
    for span in find_spans(sheet):
        if span.known:
            rows = span.last + 1 - span.first
            steps = rows if calendar is None else len(_steps(sheet, span, calendar))
            found[span.name] = Hole(steps - rows, int(np.count_nonzero(~known[span.window])))
    return found


def fill_gaps(sheet: Sheet, calendar: Calendar, problems: Problems) -> Sheet:
    """Return the rows, those in gaps filled if that was asked for; all rows lie on the calendar."""
    repair = _tell_missing_rows(sheet, calendar, problems)
    for name in _filled_columns(sheet):
        repair = _tell_empty_cells(sheet, name, problems) or repair
    if repair is None or problems.asked("gaps") != repair:
        return sheet
    missing = sum(hole.steps for hole in measure_holes(sheet, calendar).values())
    refuse_if_large((len(sheet.rows) + missing) * (len(sheet.columns) + 2))
    sheet, made = _insert_rows(sheet, calendar)
    for name in sheet.columns:
        sheet = sheet.set(name, _fill(sheet, name, made, cast(Missing, repair)))
    return sheet


def _steps(sheet: Sheet, span: Span, calendar: Calendar) -> pd.DatetimeIndex:
    return calendar.steps(sheet.stamps[span.first], sheet.stamps[span.last])


def _filled_columns(sheet: Sheet) -> list[str]:
    """Return the columns that may have no gaps."""
    dynamic = [name for name, role in sheet.meaning.covariates.items() if role.startswith("dynamic")]
    return [str(sheet.meaning.target), *dynamic]


def _tell_missing_rows(sheet: Sheet, calendar: Calendar, problems: Problems) -> str | None:
    holes = {name: hole.steps for name, hole in measure_holes(sheet, calendar).items() if hole.steps}
    if not holes:
        return None
    rows, first = _before_gaps(sheet, calendar)
    total = sum(holes.values())
    return problems.meet(
        "gaps",
        f"{say(total, 'step')} of the calendar '{calendar.freq}' {'has' if total == 1 else 'have'} no row,"
        f" the first after {tell_date(first)}{_by_series(sheet, holes)}.",
        column=sheet.meaning.timestamp,
        rows=rows,
        count=total,
        repairs=_REPAIRS,
    )


def _before_gaps(sheet: Sheet, calendar: Calendar) -> tuple[Rows, pd.Timestamp]:
    """Return the rows that a gap comes after, and the date of the first of them."""
    before: list[int] = []
    for span in find_spans(sheet):
        if span.known:
            places = _steps(sheet, span, calendar).get_indexer(sheet.stamps[span.window])
            before.extend(span.first + np.flatnonzero(np.diff(places) > 1))
    return sheet.rows[before], sheet.stamps[int(before[0])]


def _tell_empty_cells(sheet: Sheet, name: str, problems: Problems) -> str | None:
    empty = is_empty_cell(sheet.columns[name])
    bad = np.zeros(len(empty), dtype=bool)
    holes = {}
    for span in find_spans(sheet):
        within = empty[span.window] if span.known else empty[:0]
        if within.any() and not within.all():
            bad[span.window] = within
            holes[span.name] = int(within.sum())
    if not holes:
        return None
    at = int(np.flatnonzero(bad)[0])
    return problems.meet(
        "gaps",
        f"Column '{name}', row {sheet.rows[at]}: no value at {tell_date(sheet.stamps[at])}"
        f" ({say(int(bad.sum()), 'empty cell')} between known targets{_by_series(sheet, holes)}).",
        column=name,
        rows=sheet.rows[bad],
        repairs=_REPAIRS,
    )


def _by_series(sheet: Sheet, holes: dict[str, int]) -> str:
    if sheet.meaning.id is None:
        return ""
    worst = max(holes, key=lambda name: holes[name])
    return f", in {say(len(holes), 'series', 'series')}, most of them ({holes[worst]}) in '{worst}'"


def _insert_rows(sheet: Sheet, calendar: Calendar) -> tuple[Sheet, NDArray[np.bool_]]:
    """Return the sheet with a row for each step of each series, and which rows were made."""
    taken: list[Rows] = []
    stamps: list[pd.DatetimeIndex] = []
    ids: list[str] = []
    for span in find_spans(sheet):
        steps = _steps(sheet, span, calendar)
        places = np.full(len(steps), -1, dtype=np.int64)
        places[steps.get_indexer(sheet.stamps[span.window])] = np.arange(span.first, span.last + 1)
        before, after = np.arange(span.start, span.first), np.arange(span.last + 1, span.stop)
        taken.append(np.concatenate([before, places, after]))
        stamps += [sheet.stamps[before], steps, sheet.stamps[after]]
        ids += [span.name] * len(taken[-1])
    at = np.concatenate(taken)
    made = at < 0
    grown = sheet.take(np.maximum(at, 0))
    columns = {name: _blank(values, made) for name, values in grown.columns.items()}
    index = pd.DatetimeIndex(stamps[0].append(stamps[1:]))
    rows = np.where(made, 0, grown.rows)
    return replace(grown, rows=rows, stamps=index, ids=np.array(ids, dtype=object), columns=columns), made


def _blank(values: Values, made: NDArray[np.bool_]) -> Values:
    values = values.copy()
    values[made] = None if values.dtype == object else np.nan
    return values


def _fill(sheet: Sheet, name: str, made: NDArray[np.bool_], repair: Missing) -> Values:
    """Return a column without gaps; what is static, or of no role, only in the rows that were made."""
    values = sheet.columns[name]
    role = sheet.meaning.covariates.get(name)
    if name not in _filled_columns(sheet) and (role is None or not made.any()):
        return values
    filled = values.copy()
    for span in find_spans(sheet):
        static = role is not None and role.startswith("static")
        part = slice(span.start, span.stop) if static else span.window
        inside = values[part]
        if is_empty_cell(inside).any():
            filled[part] = _complete(inside, "ffill" if static else repair)
    return filled


def _complete(values: Values, repair: Missing) -> Values:
    if values.dtype == object:
        return fill_categories(cast("NDArray[np.object_]", values))
    return fill_numbers(cast(Floats, values), repair)
