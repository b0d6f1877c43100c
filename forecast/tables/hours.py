"""Hours in a column of their own, which make a series of days of each hour."""

from collections.abc import Sequence

import numpy as np

from forecast.tables.facts import Facts
from forecast.tables.names import words
from forecast.tables.problems import Problems
from forecast.tables.sheet import Meaning

_NAMES = frozenset(("hour", "hours", "stunde", "stunden"))
_LEAST_HOURS = 12


def tell_hours(columns: Sequence[Facts], meaning: Meaning, problems: Problems) -> None:
    """Tell where the series of a table are the hours of a day, which are likely meant as one series."""
    series = next((facts for facts in columns if facts.name == meaning.id), None)
    if series is None or series.kind != "numerical" or _NAMES.isdisjoint(words(series.name)):
        return
    numbers = series.numbers()
    known = numbers[~np.isnan(numbers)]
    if series.distinct < _LEAST_HOURS or not np.isin(known, np.arange(25)).all():
        return
    problems.meet(
        "hours_apart",
        f"Column '{series.name}' has the hours of a day, and each of its {series.distinct} is read as its"
        " own series. For one series by the hour write date and hour into one column, as 2024-12-31 13:00.",
        column=series.name,
        count=series.distinct,
    )
