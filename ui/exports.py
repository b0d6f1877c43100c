"""Results as files to take away."""

import csv
import io
from collections.abc import Iterable, Sequence

from ui.forecasts import Forecast

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


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


def safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: what looks like one gets an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULAS) else text
