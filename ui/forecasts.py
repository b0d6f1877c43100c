"""A gateway's answer, series by series."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Value = float | None
_QUARTER = re.compile(r"^(\d{4})-?Q([1-4])$")
_FORMS = ("%Y", "%Y-%m", "%d.%m.%Y")


@dataclass(frozen=True, slots=True)
class Forecast:
    """One model's forecast of one series.

    `quantiles` has a list of values, one a step, for each level, in ascending order of levels; `actual` has
    what is known of the steps forecast, None where nothing is.
    """

    model: str
    unique_id: str
    method: str | None
    dates: Sequence[str]
    history: Sequence[Value]
    future: Sequence[str]
    point: Sequence[float]
    quantiles: Mapping[float, Sequence[float]]
    actual: Sequence[Value]

    @property
    def intervals(self) -> list[tuple[float, Sequence[float], Sequence[float]]]:
        """The central intervals, widest first: the share each promises to hold, its lower and upper bound."""
        found = []
        for level in self.quantiles:
            mirror = next((other for other in self.quantiles if abs(1 - level - other) < 1e-9), None)
            if level < 0.5 and mirror is not None:  # the median has no other side
                found.append((round(mirror - level, 9), self.quantiles[level], self.quantiles[mirror]))
        return found

    @property
    def single_levels(self) -> list[float]:
        """The levels that bound no interval: those without a mirror, the median excepted."""
        mirrors = {round(1 - level, 9) for level in self.quantiles}
        return [level for level in self.quantiles if round(level, 9) not in mirrors]


def read_answer(model: str, answer: Mapping[str, Any]) -> list[Forecast]:
    """Return the forecasts of an answer, one a series, in its order."""
    prediction, seen = answer["prediction"], answer["visualization_data"]
    ids = prediction["series_ids"]
    many = len(ids) > 1
    levels = prediction["quantile_levels"] or []
    order = sorted((level, column) for column, level in enumerate(levels) if level is not None)
    methods = prediction["metadata"]["model_methods"]
    found = []
    for place, unique_id in enumerate(ids):
        own = {name: seen[name][place] if many else seen[name] for name in _PARTS}
        rows = prediction["quantile_forecast"][place] if order else []
        actual = list(own["actual_future"])
        found.append(
            Forecast(
                model=model,
                unique_id=unique_id,
                method=methods[place],
                dates=own["dates_historical"],
                history=own["historical_data"],
                future=own["dates_future"],
                point=prediction["point_forecast"][place],
                quantiles={level: [row[column] for row in rows] for level, column in order},
                actual=actual or [None] * len(own["dates_future"]),
            )
        )
    return found


_PARTS = ("dates_historical", "historical_data", "dates_future", "actual_future")


def moment(stamp: str) -> float:
    """Return an ISO date or time as seconds that two spellings of it share."""
    return _seconds(datetime.fromisoformat(stamp))


def begin_of(text: str, like: str) -> float | None:
    """Return the moment of a date that a visitor wrote, None where only the gateway makes sense of it.

    It may be a year, a quarter or a month; without an offset it is told in that of the stamp `like`.
    """
    found = _read_date(_QUARTER.sub(lambda part: f"{part[1]}-{3 * int(part[2]) - 2:02d}", text.strip()))
    if found is None:
        return None
    return _seconds(found if found.tzinfo else found.replace(tzinfo=datetime.fromisoformat(like).tzinfo))


def _read_date(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    for form in _FORMS:
        with suppress(ValueError):
            return datetime.strptime(text, form)
    return None


def _seconds(found: datetime) -> float:
    return (found - datetime(1970, 1, 1, tzinfo=found.tzinfo)).total_seconds() - (
        offset.total_seconds() if (offset := found.utcoffset()) else 0.0
    )
