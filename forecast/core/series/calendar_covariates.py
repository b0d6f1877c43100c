"""Covariates that are made of the dates: the day of the week, the month, the holidays of a country."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from forecast.core.adapter import Covariate, Floats, Kind
from forecast.core.errors import RequestError
from forecast.core.schemas import nearest
from forecast.core.series.public_holidays import check_place, find_holidays

MOST_NAMES = 30
"""The most covariates that one request may have made."""

_HOLIDAYS = "holidays"
_DAY = 86_400 * 10**9
_Made = tuple[tuple[Covariate, ...], tuple[str, ...]]
_LABELS = np.array([f"{number:02d}" for number in range(60)], dtype=object)


@dataclass(frozen=True, slots=True)
class Feature:
    """What a date tells: categories where no order is meant, numbers for counts and for flags.

    A flag is a number because 0 and 1 need no more than one effect, also of a 1 that the context has not
    seen. A step of `within` days or longer jumps over what the feature tells apart.
    """

    kind: Kind
    within: int
    meaning: str
    read: Callable[[pd.DatetimeIndex], Any]


FEATURES: dict[str, Feature] = {
    "hour": Feature("categorical", 1, "the hour of the clock", lambda days: days.hour),
    "day_of_week": Feature("categorical", 7, "Monday to Sunday", lambda days: days.dayofweek),
    "is_weekend": Feature("numerical", 7, "1 on Saturdays and Sundays", lambda days: days.dayofweek > 4),
    "day_of_month": Feature("numerical", 28, "1 to 31", lambda days: days.day),
    # pandas' own flag is that of the index's frequency: of business days, the last one of a month.
    "is_month_end": Feature(
        "numerical", 2, "1 on the last day of a month", lambda days: days.day == days.days_in_month
    ),
    "day_of_year": Feature("numerical", 365, "1 to 366", lambda days: days.dayofyear),
    "week_of_year": Feature("numerical", 365, "1 to 53, by ISO 8601", lambda days: days.isocalendar().week),
    "month": Feature("categorical", 365, "January to December", lambda days: days.month),
    "quarter": Feature("categorical", 365, "the quarter of the year", lambda days: days.quarter),
}
_HOLIDAYS_WITHIN = 2
_HOLIDAYS_MEANING = "1 on the public holidays of a country, or of a part of it (`holidays:DE-BY`)"


def name_fault(name: str) -> str | None:
    """Return why a name is no covariate of the calendar, with the nearest that is one, or None.

    Whether the holidays of a country are known is not looked at.
    """
    if name in FEATURES:
        return None
    kind, _, place = name.partition(":")
    if kind != _HOLIDAYS:
        return f"The calendar has no '{name}' ({nearest(name, [*FEATURES, f'{_HOLIDAYS}:DE'])})"
    return None if place else f"'{name}' names no country; write '{_HOLIDAYS}:DE'"


@dataclass(frozen=True, slots=True, eq=False)
class CalendarCovariates:
    """The covariates of one request that are made of dates; `warnings` says which were left out."""

    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    _made: dict[tuple[pd.Timestamp, pd.Timestamp, int], _Made] = field(default_factory=dict)

    def make(self, past: pd.DatetimeIndex, future: pd.DatetimeIndex) -> _Made:
        """Return the covariates of a series on these stamps, by their clock, and what is to be said of them.

        They are made once for all series with the same stamps.
        """
        if not self.names:
            return (), ()
        key = (past[0], future[-1], len(past))
        if key not in self._made:
            self._made[key] = self._make(past, future)
        return self._made[key]

    def _make(self, past: pd.DatetimeIndex, future: pd.DatetimeIndex) -> _Made:
        clock = pd.DatetimeIndex(past.append(future)).tz_localize(None)
        found: list[Covariate] = []
        notes: list[str] = []
        for name in self.names:
            kind, values, told = read_covariate(name, clock)
            before, after = values[: len(past)], values[len(past) :]
            if kind == "categorical" and (unseen := sorted(set(after) - set(before))):
                # The mean of other months says nothing of one that no context has.
                before, after = np.full_like(before, before[-1]), np.full_like(after, before[-1])
                told = [
                    f"'{name}' was left out of series whose context has not all of its values ahead:"
                    f" {', '.join(unseen)}."
                ]
            elif (before == before[0]).all():
                told = [
                    *told,
                    f"'{name}' is the same at every step of a series' context, so its effect cannot be told.",
                ]
            found.append(Covariate(name, kind, before, after))
            notes += told
        return tuple(found), tuple(notes)


def read_calendar(names: Sequence[str], roles: Mapping[str, Any], freq: str) -> CalendarCovariates:
    """Return the covariates to make of the dates of a calendar, without those that its steps jump over.

    Raises RequestError for a name that a column of `roles` has already, and for a place whose holidays are
    not known.
    """
    taken = [name for name in names if name in roles]
    if taken:
        raise RequestError(
            f"add_calendar would make a covariate '{taken[0]}', which data_definition names too:"
            " rename the column, or leave one of both out.",
            details={"names": taken},
        )
    check_places(names)
    step = _days_a_step(freq)
    kept = tuple(name for name in names if step < _within(name))
    notes = [
        f"'{name}' was left out: a step of '{freq}' is too long for it." for name in names if name not in kept
    ]
    return CalendarCovariates(kept, tuple(notes))


def check_places(names: Sequence[str]) -> None:
    """Raise RequestError where the holidays of a place that names tell are not known."""
    for name in names:
        if name not in FEATURES:
            check_place(*_split(name))


def calendar_rows() -> Iterable[tuple[str, Kind, int, str]]:
    """Yield name, kind, the days that a step must be shorter than, and meaning of each covariate."""
    for name, feature in FEATURES.items():
        yield name, feature.kind, feature.within, feature.meaning
    yield f"{_HOLIDAYS}:DE", "numerical", _HOLIDAYS_WITHIN, _HOLIDAYS_MEANING


def _within(name: str) -> int:
    return FEATURES[name].within if name in FEATURES else _HOLIDAYS_WITHIN


def _days_a_step(freq: str) -> float:
    offset = to_offset(freq)
    if isinstance(offset, pd.offsets.Tick):
        return float(offset.nanos / _DAY)
    first = pd.Timestamp("2001-01-01") + offset.base
    return float(((first + offset.base) - first).days * offset.n)


def _split(name: str) -> tuple[str, str | None]:
    country, _, part = name.partition(":")[2].partition("-")
    return country, part or None


def read_covariate(
    name: str, clock: pd.DatetimeIndex
) -> tuple[Kind, Floats | NDArray[np.object_], list[str]]:
    """Return the kind and the values of a covariate on stamps without a zone, and what is to be said of it."""
    if name not in FEATURES:
        return ("numerical", *_read_holidays(name, clock))
    feature = FEATURES[name]
    values = np.asarray(feature.read(clock))
    if feature.kind == "categorical":
        return feature.kind, _LABELS[values], []
    return feature.kind, values.astype(np.float64), []


def _read_holidays(name: str, clock: pd.DatetimeIndex) -> tuple[Floats, list[str]]:
    first, last = int(clock.year.min()), int(clock.year.max())
    known = find_holidays(*_split(name), first, last)
    found = np.isin(clock.to_numpy().astype("datetime64[D]"), known.days).astype(np.float64)
    if known.since <= first and last <= known.until:
        return found, []
    return found, [
        f"'{name}' is known from {known.since} to {known.until}; other days count as ordinary ones."
    ]
