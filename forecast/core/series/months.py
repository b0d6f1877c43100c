"""Dates as spreadsheets show them: with the name of a month, in English or German, or a month and a year."""

import re

import numpy as np
import pandas as pd

_MONTHS = (
    "jan(?:uary|uar)?|jän(?:ner)?", "feb(?:ruary|ruar)?", "mar(?:ch)?|mär(?:z)?|mrz", "apr(?:il)?", "may|mai",
    "june?|juni", "july?|juli", "aug(?:ust)?", "sept?(?:ember)?", "oct(?:ober)?|okt(?:ober)?",
    "nov(?:ember)?", "dec(?:ember)?|dez(?:ember)?",
)  # fmt: skip
_NAME = "|".join(f"(?P<m{at}>{names})" for at, names in enumerate(_MONTHS, 1))
_DATE = re.compile(
    rf"(?:(?P<day>\d{{1,2}})(?:\.[ -]?|[ -/]))?(?:{_NAME})\.?"
    r"(?:[ -](?P<after>\d{1,2}),)?[ -/]{0,2}(?P<year>\d{4}|\d{2})",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(?P<month>0?[1-9]|1[0-2])[./-](?P<year>(?:19|20)\d\d)")
_SAMPLE = 20
# Of years of two digits, as spreadsheets read them.
_LAST_OF_THIS_CENTURY = 29
_LONGEST_STEP = pd.Timedelta(days=93)


def is_month(text: str) -> bool:
    """Return whether text is a date with the name of a month, or a month and a year."""
    return _DATE.fullmatch(text.strip()) is not None or _NUMBERS.fullmatch(text.strip()) is not None


def read_months(text: pd.Series) -> pd.DatetimeIndex | None:
    """Return the dates of a column of different texts, NaT where one is none; None if none of the first is.

    Two digits after a month, as in `Jan 19`, may be a day as well. They are a year only where the months are
    in order, and no further apart than quarters.
    """
    if not any(map(is_month, text.head(_SAMPLE))):
        return None
    found = [_read(cell) for cell in text]
    stamps = pd.Series([stamp for stamp, _ in found], dtype=object)
    index = pd.DatetimeIndex(pd.to_datetime(stamps, format="ISO8601", errors="coerce"))
    doubted = np.array([short for _, short in found], dtype=bool)
    if doubted.any():
        short = index[doubted]
        in_order = short.is_monotonic_increasing or short.is_monotonic_decreasing
        if not in_order or short.max() - short.min() > _LONGEST_STEP * len(short):
            return pd.DatetimeIndex(index.where(~doubted))
    return index


def _read(text: str) -> tuple[str | None, bool]:
    """Return a date in ISO 8601, and whether it is a month with a number that may be its day."""
    numbers = _NUMBERS.fullmatch(text)
    if numbers is not None:
        return f"{numbers['year']}-{int(numbers['month']):02d}-01", False
    found = _DATE.fullmatch(text)
    if found is None:
        return None, False
    month = next(at for at in range(1, 13) if found[f"m{at}"] is not None)
    day, year = found["day"] or found["after"], int(found["year"])
    short = len(found["year"]) == 2
    if short:
        year += 2000 if year <= _LAST_OF_THIS_CENTURY else 1900
    return f"{year:04d}-{month:02d}-{int(day or 1):02d}", short and day is None
