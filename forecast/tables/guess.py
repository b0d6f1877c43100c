"""Guessing what the columns of a table mean."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecast.core.parameters import Role
from forecast.core.series.dates import DATE_NAMES
from forecast.core.series.months import is_month
from forecast.tables.facts import Facts, holds_dates
from forecast.tables.names import COUNTERS, DATES, IDS, PARTS_OF_DATES, TARGETS, is_named, rank

Codes = NDArray[np.int64]
_SAMPLE = 200
_MOST_CATEGORIES = 100
# A covariate with more empty cells than this would be in the way of a forecast more than of use.
_MOST_MISSING = 0.1
# Rows of one series that share a date are a fault; so many of them are another series.
_MOST_DUPLICATES = 0.02
_LEAST_REPEATED = 0.3


def guess_roles(columns: Sequence[Facts]) -> dict[str, Role]:
    """Return the likely role of each column that is of use, none where nothing tells."""
    date = find_date(columns)
    others = [facts for facts in columns if facts is not date]
    series = _find_id(others, date)
    others = [facts for facts in others if facts is not series]
    groups = np.zeros(len(columns[0].codes), dtype=np.int64) if series is None else series.codes
    target = _find_target(others, groups)
    roles: dict[str, Role] = {}
    for facts in columns:
        role: Role | None = None
        if facts is date:
            role = "timestamp"
        elif facts is series:
            role = "id"
        elif facts is target:
            role = "target"
        elif target is not None:
            role = _covariate(facts, target, groups)
        if role is not None:
            roles[facts.name] = role
    return roles


def find_date(columns: Sequence[Facts]) -> Facts | None:
    """Return the column of dates, chosen by its name among those that hold dates, else the first of them."""
    likely = [facts for facts in columns if facts.kind == "date" or _counts_dates(facts)]
    if likely:
        return min(likely, key=lambda facts: rank(facts.name, DATES))
    return next((facts for facts in columns if facts.name.lower() in DATE_NAMES), None)


def _counts_dates(facts: Facts) -> bool:
    """Return whether numbers are years or days without dashes: only a name tells them from counts."""
    if facts.kind != "numerical" or not is_named(facts.name, DATES):
        return False
    sample = facts.values[facts.codes >= 0].head(_SAMPLE).map(_whole)
    lengths = sample.map(len)
    return bool(lengths.isin((4, 8)).all() or sample.map(is_month).all()) and holds_dates(sample)


def _whole(value: object) -> str:
    return str(value).strip().removesuffix(".0")


def _find_id(columns: Sequence[Facts], date: Facts | None) -> Facts | None:
    if date is None or not columns:
        return None
    rows = len(date.codes)
    repeated = rows - len(np.unique(date.codes))
    likely = [facts for facts in columns if _separates(facts, date.codes, repeated)]
    if not likely:
        named = [facts for facts in columns if rank(facts.name, IDS) < len(IDS)]
        likely = [
            facts for facts in named if facts.missing == 0 and facts.distinct * 2 <= rows and repeated == 0
        ]
    return min(likely, key=lambda facts: (rank(facts.name, IDS), facts.kind == "numerical"), default=None)


def _separates(facts: Facts, dates: Codes, repeated: int) -> bool:
    """Return whether dates repeat in the table, and not within the values of a column."""
    rows, named = len(dates), is_named(facts.name, IDS)
    if facts.kind == "date" or repeated == 0 or not 2 <= facts.distinct <= rows / 2:
        return False
    if not named and (repeated < _LEAST_REPEATED * rows or _is_flag(facts)):
        return False
    at_once = int(np.bincount(dates + 1).max())
    # Measured values seldom repeat on a date either, but there are many more of them than rows on it.
    if facts.kind == "numerical" and (facts.distinct > at_once + at_once // 2 or not _is_whole(facts)):
        return False
    pairs = len(np.unique(dates * (facts.distinct + 1) + facts.codes))
    return rows - pairs <= _MOST_DUPLICATES * rows and repeated > 5 * (rows - pairs)


def _find_target(columns: Sequence[Facts], groups: Codes) -> Facts | None:
    numerical = [facts for facts in columns if facts.kind == "numerical" and not _is_counter(facts, groups)]
    named = [facts for facts in numerical if is_named(facts.name, TARGETS) and not _is_flag(facts)]
    if named:
        return min(named, key=lambda facts: rank(facts.name, TARGETS))
    varying = [facts for facts in numerical if not _is_static(facts, groups)]
    measured = [
        facts for facts in varying if not _is_flag(facts) and not is_named(facts.name, PARTS_OF_DATES)
    ]
    return next(reversed(measured or varying or numerical), None)


def _covariate(facts: Facts, target: Facts, groups: Codes) -> Role | None:
    known = target.codes >= 0
    if facts.kind == "date" or facts.distinct < 2 or _lacks_values(facts.codes[known], groups[known]):
        return None
    numerical = facts.kind == "numerical"
    if numerical and (_is_counter(facts, groups) or _is_copy(facts, target)):
        return None
    if _is_static(facts, groups):
        return "static_numerical" if numerical else "static_categorical"
    if numerical:
        return "dynamic_numerical"
    many = facts.distinct > _MOST_CATEGORIES or facts.distinct * 2 > len(facts.codes)
    return None if many else "dynamic_categorical"


def _lacks_values(codes: Codes, groups: Codes) -> bool:
    """Return whether too many cells are empty, or all of those of one series."""
    filled = codes >= 0
    return len(codes) == 0 or bool(
        np.mean(~filled) > _MOST_MISSING or len(np.unique(groups[filled])) < len(np.unique(groups))
    )


def _is_static(facts: Facts, groups: Codes) -> bool:
    """Return whether there are several series and a column has one value in each."""
    filled = facts.codes >= 0
    pairs = np.unique(groups[filled] * (facts.distinct + 1) + facts.codes[filled])
    series = len(np.unique(groups))
    return 1 < series == len(pairs)


def _is_copy(facts: Facts, target: Facts) -> bool:
    return np.array_equal(facts.numbers(), target.numbers(), equal_nan=True)


def _is_flag(facts: Facts) -> bool:
    if facts.kind != "numerical" or facts.distinct > 2:
        return False
    numbers = facts.numbers()
    return bool(np.isin(numbers[~np.isnan(numbers)], (0, 1)).all())


def _is_whole(facts: Facts) -> bool:
    numbers = facts.numbers()
    return bool((np.isnan(numbers) | (numbers == np.round(numbers))).all())


def _is_counter(facts: Facts, groups: Codes) -> bool:
    """Return whether a column numbers the rows, of the table or of each series."""
    if facts.kind != "numerical" or not is_named(facts.name, COUNTERS):
        return False
    steps = np.diff(facts.numbers())
    within = np.diff(groups) == 0
    return bool((steps == 1).all() or (steps[within] == 1).all())
