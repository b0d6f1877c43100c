"""Computing many series at once, and finding those that cannot be without costing the others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forecast.core.errors import DataError, ModelError, RequestError, SapheneiaError, TooLargeError

Computed = Mapping[str, Any]
_MOST_BROKEN = 16
_OF_ITEMS = (DataError, RequestError, ModelError, TooLargeError)


def isolate(
    names: Sequence[str], attempt: Callable[[Sequence[str]], Computed]
) -> tuple[dict[str, Any], dict[str, SapheneiaError]]:
    """Return what an attempt computes for each name, and the errors of those that fail alone.

    Where an attempt fails in what may be one item's fault, its halves are tried. Raises the error of a model
    that fails again and again.
    """
    made: dict[str, Any] = {}
    failed: dict[str, SapheneiaError] = {}
    broken = 0
    waiting = [list(names)] if names else []
    while waiting:
        some = waiting.pop()
        try:
            made.update(attempt(some))
        except _OF_ITEMS as error:
            if len(some) > 1:
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
                continue
            broken += isinstance(error, ModelError)
            if broken >= _MOST_BROKEN and not made:
                raise
            failed[some[0]] = error
    return made, failed


def isolate_together(
    names: Sequence[str], attempt: Callable[[Sequence[str]], Computed]
) -> tuple[dict[str, Any], dict[str, SapheneiaError]]:
    """Do as isolate does for items that depend on one another: the good ones are computed at once."""
    made, failed = isolate(names, attempt)
    while failed and made:
        good = list(made)
        try:
            return dict(attempt(good)), failed
        except _OF_ITEMS:
            made, worse = isolate(good, attempt)
            if not worse:
                raise
            failed |= worse
    return made, failed
