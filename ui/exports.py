"""Results as files to take away."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from unicodedata import normalize

from ui.forecasts import Forecast

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 80


def write_csv(forecasts: Iterable[Sequence[Forecast]]) -> str:
    """Return forecasts as CSV, one row a series, model and step; `forecasts` has the series of each model.

    Columns: unique_id, model, date, forecast, actual, and one for each quantile level, as `q0.1`.
    """
    models = [list(series) for series in forecasts]
    levels = sorted({level for series in models for one in series for level in one.quantiles})
    file = io.StringIO()
    # In quotes, no text falls apart where another sign parts the columns.
    out = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    out.writerow(["unique_id", "model", "date", "forecast", "actual", *(f"q{level:g}" for level in levels)])
    for series in models:
        for one in series:
            for step, stamp in enumerate(one.future):
                row = [one.quantiles[level][step] if level in one.quantiles else None for level in levels]
                out.writerow(
                    [safe(one.unique_id), safe(one.model), stamp, one.point[step], one.actual[step], *row]
                )
    return file.getvalue()


def write_answer(series: Sequence[Forecast]) -> dict[str, Any]:
    """Return a model's forecasts as the gateway writes an answer: of one series flat, of several in lists."""
    levels = sorted({level for one in series for level in one.quantiles})
    seen: dict[str, list[Any]] = {
        "historical_data": [one.history for one in series],
        "dates_historical": [one.dates for one in series],
        "dates_future": [one.future for one in series],
    }
    answer = {
        "prediction": {
            "point_forecast": [one.point for one in series],
            "series_ids": [one.unique_id for one in series],
            "quantile_forecast": [
                [list(row) for row in zip(*(one.quantiles[level] for level in levels), strict=True)]
                for one in series
            ],
            "quantile_levels": levels,
            "metadata": {"model_methods": [one.method for one in series]},
        },
        "visualization_data": {
            name: values if len(series) > 1 else values[0] for name, values in seen.items()
        },
    }
    return with_actual(answer, series)


def with_actual(answer: Mapping[str, Any], series: Sequence[Forecast]) -> dict[str, Any]:
    """Return an answer with what is known of the steps forecast, where anything is."""
    known: list[Any] = [list(one.actual) for one in series]
    if all(value is None for own in known for value in own):
        return dict(answer)
    told = {"actual_future": known if len(series) > 1 else known[0]}
    return {**answer, "visualization_data": {**answer["visualization_data"], **told}}


def name_file(table: str, kind: str) -> str:
    """Return the name of a file without its ending, after the table: `sales-forecast` for `sales.csv`."""
    plain = normalize("NFKD", PurePath(table).stem).encode("ascii", "ignore").decode()
    stem = _UNSAFE.sub("_", plain).strip("_-")[:_LONGEST_NAME]
    return f"{stem}-{kind}" if stem else kind


def safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: what looks like one gets an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULAS) else text
