"""Times of what the gateway did, as the templates write them; all are told in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_LONG = timedelta(days=30)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def read_time(text: str) -> datetime:
    """Return a time that the gateway wrote, in UTC; one without an offset is meant so."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def when(text: str | None) -> str:
    """Return a time to the second, a dash for None."""
    return "–" if text is None else read_time(text).strftime("%Y-%m-%d %H:%M:%S UTC")


def lasting(seconds: float | None) -> str:
    """Return how long something takes in one unit or two, `4 min 10 s`, a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def ago(text: str, now: datetime | None = None) -> str:
    """Return how long ago a time was, in its largest unit: `5 min ago`; its day where that is long."""
    passed = (now or datetime.now(UTC)) - read_time(text)
    if passed >= _LONG:
        return read_time(text).strftime("%Y-%m-%d")
    return f"{_coarse(passed)} ago"


def left(text: str, now: datetime | None = None) -> str:
    """Return how long it is until a time, in its largest unit; `a moment` where it is past."""
    return _coarse(read_time(text) - (now or datetime.now(UTC)))


def between(begin: str | None, end: str | None) -> float | None:
    """Return the seconds between two times, None where one is missing."""
    if begin is None or end is None:
        return None
    return (read_time(end) - read_time(begin)).total_seconds()


def _coarse(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name}"
    return "a moment"


FILTERS: dict[str, Callable[..., Any]] = {
    "when": when,
    "lasting": lasting,
    "ago": ago,
    "left": left,
    "between": between,
}
