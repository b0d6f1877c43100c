"""Faults in the history of an item, told by item, date and the client's own column.

A model, here or in a service of its own, tells them by the rows of the table that it was given, which the
client of a history never saw.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.core.errors import DataError, SapheneiaError
from forecast.core.schemas import printable
from forecast.history.columns import VALUE

_MOST_DATES = 5
_MIDNIGHT = "T00:00:00"


def tell_fault(error: SapheneiaError, value_column: str) -> SapheneiaError:
    """Return why an item has no forecast; whatever is no fault of its history, as it is."""
    told = error.details
    if not isinstance(error, DataError) or "series" not in told:
        return error
    item = f"Item '{printable(str(told['series']))}'"
    column = f"'{value_column if told.get('column') == VALUE else told.get('column')}'"
    detail = _tell(item, column, told)
    return error if detail is None else DataError(detail, details=told)


def _tell(item: str, column: str, told: Mapping[str, Any]) -> str | None:
    if "gaps" in told:
        return (
            f"{item} has no {column} at {_list(told['gaps'], told['steps'])}. Put it into the history, or say"
            " what a gap means: 'missing' of the dataset, or in 'parameters', is 'interpolate', 'ffill' or"
            " 'zero'."
        )
    if "off_calendar" in told:
        stamps = told["off_calendar"]
        return (
            f"{item} has rows at {_list(stamps, len(stamps))}, which are not on the calendar '{told['freq']}'"
            f" that begins at {_list([told['start']], 1)}; give the right 'freq' to the dataset or in"
            " 'parameters', or correct the dates."
        )
    if "values" in told:
        one, other = told["values"]
        return (
            f"{item} has both '{one}' and '{other}' as static covariate {column}; give the dataset a dynamic"
            " role for it, or the item one value."
        )
    return None


def _list(stamps: Sequence[str], count: int) -> str:
    whole = all(stamp.endswith(_MIDNIGHT) for stamp in stamps)
    shown = [stamp.removesuffix(_MIDNIGHT) if whole else stamp for stamp in stamps[:_MOST_DATES]]
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more step{'s' if more > 1 else ''}" if more > 0 else "")
