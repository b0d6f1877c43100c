"""Numbers and words as the templates write them."""

from collections.abc import Callable
from math import floor, log10
from typing import Any

_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1000.0
_ROUNDED_TO_IT = 999.5
_STEPS = {
    "s": "second",
    "min": "minute",
    "h": "hour",
    "D": "day",
    "B": "business day",
    "W": "week",
    **dict.fromkeys(("M", "MS", "ME", "BMS", "BME"), "month"),
    **dict.fromkeys(("Q", "QS", "QE", "BQS", "BQE"), "quarter"),
    **dict.fromkeys(("Y", "YS", "YE", "BYS", "BYE"), "year"),
}


def number(value: float | None) -> str:
    """Return a number with four significant digits and thousands apart, a dash for None."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    magnitude = floor(log10(abs(value)))
    if not -4 <= magnitude < 9:  # beyond these, powers of ten read better
        return f"{value:.3e}"
    return f"{value:,.{max(0, 3 - magnitude)}f}"


def percent(value: float | None) -> str:
    """Return a share as whole percent, a dash for None."""
    return "–" if value is None else f"{value:.0%}"


def size(value: float | None) -> str:
    """Return bytes in the unit in which they are below a thousand."""
    if value is None:
        return "–"
    for unit in _UNITS[:-1]:
        if value < _ROUNDED_TO_IT:
            return f"{value:.3g} {unit}"
        value /= _THOUSAND
    return f"{value:.3g} {_UNITS[-1]}"


def plural(count: int, word: str) -> str:
    """Return a count with its word, `1 row` or `2 rows`."""
    several = word if word.endswith("s") else f"{word}s"
    return f"{count:,} {word if count == 1 else several}"


def step(freq: str | None) -> str:
    """Return the word for one step of a frequency, `day` for `D`; `step` where there is no word for it."""
    return _STEPS.get((freq or "").partition("-")[0], "step")


def article(word: str) -> str:
    """Return a word of a step with its article, `an hour` or `a day`."""
    return f"an {word}" if word.startswith("hour") else f"a {word}"


def stamp(text: str) -> str:
    """Return an ISO date or time with a blank between its day and its hour."""
    return text.replace("T", " ")


def cell(value: object) -> str:
    """Return a cell of a table as it was written: 147 for 147.0, nothing for None."""
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "percent": percent,
    "size": size,
    "plural": plural,
    "step": step,
    "article": article,
    "stamp": stamp,
    "cell": cell,
}
