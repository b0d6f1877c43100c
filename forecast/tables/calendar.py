"""The calendar of a table's series, and the rows that do not lie on it."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.errors import DataError, RequestError
from forecast.core.series.calendar import check_frequency, infer_frequency
from forecast.core.series.grid import check_steps, count_steps, future_index, grid, keeps_clock
from forecast.tables.problems import Problems, say, tell_date
from forecast.tables.sheet import Rows, Sheet, Span, find_spans

_MOST_AHEAD = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """The steps of one frequency; those of a span of time are made once for all series."""

    freq: str
    by_clock: bool
    made: dict[tuple[pd.Timestamp, pd.Timestamp], pd.DatetimeIndex] = field(default_factory=dict)

    def steps(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
        """Return the stamps from first to last."""
        if (first, last) not in self.made:
            self.made[first, last] = grid(first, last, self.freq, by_clock=self.by_clock)
        return self.made[first, last]

    def ahead(self, last: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
        """Return the stamps after the last target up to an end, as far as a forecast may reach."""
        steps = min(count_steps(last, end, self.freq) + 1, _MOST_AHEAD)
        return future_index(last, self.freq, max(1, steps), by_clock=self.by_clock)


def settle_calendar(
    sheet: Sheet, asked: str | None, holdout: int, problems: Problems
) -> tuple[Sheet, Calendar | None]:
    """Return the rows that lie on a calendar, of series with a target, and that calendar.

    None stands for a calendar that cannot be told. Raises RequestError where the one asked for is none.
    """
    while True:
        sheet = drop_short(sheet, holdout, problems)
        spans = find_spans(sheet)
        if not spans:
            return sheet, None
        calendar = _find_calendar(sheet, spans, asked, problems)
        if calendar is None:
            return sheet, None
        try:
            off = _off_calendar(sheet, spans, calendar)
        except (DataError, RequestError) as error:
            _tell_unknown(error, sheet, problems)
            return sheet, None
        if not off.any():
            return sheet, calendar
        at = int(np.flatnonzero(off)[0])
        problems.meet(
            "off_calendar",
            f"Row {sheet.rows[at]}: {tell_date(sheet.stamps[at])} does not lie on the calendar"
            f" '{calendar.freq}' of its series ({say(int(off.sum()), 'row')} in all);"
            " choose another frequency, or correct the date.",
            column=sheet.meaning.timestamp,
            rows=sheet.rows[off],
            repairs=["drop_row"],
        )
        # What is left may have another longest series, and so another calendar.
        sheet = sheet.take(~off)


def settle_zone(sheet: Sheet, calendar: Calendar) -> Sheet:
    """Return the rows, their dates without a zone in which clocks change, which text cannot name.

    What keeps the time of the clock is told by it, all else in UTC.
    """
    zone = sheet.stamps.tz
    if zone is None or len({stamp.utcoffset() for stamp in sheet.stamps}) < 2:
        return sheet
    stamps = sheet.stamps.tz_localize(None) if calendar.by_clock else sheet.stamps.tz_convert("UTC")
    return replace(sheet, stamps=stamps)


def drop_short(sheet: Sheet, holdout: int, problems: Problems) -> Sheet:
    """Return the rows of the series that have more targets than are held out."""
    short = [span for span in find_spans(sheet) if span.known <= holdout]
    if not short or sheet.meaning.target is None:
        return sheet
    some = ", ".join(f"'{span.name}'" for span in short[:5]) + (" …" if len(short) > 5 else "")
    lack = f"no value of '{sheet.meaning.target}'" if holdout == 0 else f"no more than {holdout} targets"
    problems.meet(
        "no_values",
        f"{say(len(short), 'series has', 'series have')} {lack}: {some}.",
        column=sheet.meaning.target,
        rows=sheet.rows[[span.start for span in short]],
        count=len(short),
        repairs=["drop_series"],
    )
    gone = np.zeros(len(sheet.rows), dtype=bool)
    for span in short:
        gone[span.start : span.stop] = True
    return sheet.take(~gone)


def _find_calendar(sheet: Sheet, spans: list[Span], asked: str | None, problems: Problems) -> Calendar | None:
    longest = max(spans, key=lambda span: span.stop - span.start)
    stamps = sheet.stamps[longest.start : longest.stop]
    if asked is not None:
        freq = check_frequency(asked, stamps)
    else:
        try:
            freq = infer_frequency(stamps)
        except DataError as error:
            _tell_unknown(error, sheet, problems)
            return None
    return Calendar(freq, keeps_clock(stamps, freq))


def _tell_unknown(error: DataError | RequestError, sheet: Sheet, problems: Problems) -> None:
    problems.meet(
        "unknown_freq", str(error).removeprefix(error.prefix), column=sheet.meaning.timestamp, count=1
    )


def _off_calendar(sheet: Sheet, spans: list[Span], calendar: Calendar) -> NDArray[np.bool_]:
    """Return which rows, from the first known target of their series on, do not lie on the calendar."""
    off = np.zeros(len(sheet.rows), dtype=bool)
    ticks = sheet.ticks
    for span in spans:
        if span.known == 0:
            continue
        check_steps(span.name, sheet.stamps[span.window], calendar.freq)
        steps = calendar.steps(sheet.stamps[span.first], sheet.stamps[span.last])
        off[span.window] = ~_lies_on(ticks[span.window], steps)
        if span.last + 1 < span.stop:
            ahead = calendar.ahead(sheet.stamps[span.last], sheet.stamps[span.stop - 1])
            after = ticks[span.last + 1 : span.stop]
            within = after <= ahead[-1].value
            off[span.last + 1 : span.stop] = within & ~_lies_on(after, ahead)
    return off


def _lies_on(ticks: Rows, steps: pd.DatetimeIndex) -> NDArray[np.bool_]:
    wanted = steps.as_unit("ns").astype("int64").to_numpy()
    if not len(wanted):
        return np.zeros(len(ticks), dtype=bool)
    at = np.minimum(np.searchsorted(wanted, ticks), len(wanted) - 1)
    return np.asarray(wanted[at] == ticks)
