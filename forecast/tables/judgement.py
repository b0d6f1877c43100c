"""What no inference refuses and a reader should know: unfinished periods, constant and short series."""

from datetime import datetime
from typing import cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.core.adapter import Floats
from forecast.tables.calendar import Calendar
from forecast.tables.problems import Problems, say, tell_date
from forecast.tables.schemas import Code
from forecast.tables.sheet import Sheet, Span, find_spans

_LEAST_KNOWN = 12
_LOOKED_BACK = 24
# Of a period that is not over, and of one that may have been when the file was written.
_UNFINISHED, _SUSPICIOUS = 0.75, 0.4
_ENDS = ("ME", "BME", "QE", "BQE", "YE", "BYE")
_MOST_YEARS = 20
_A_DAY = pd.Timedelta(days=1)


def drop_unfinished(sheet: Sheet, calendar: Calendar, now: datetime, problems: Problems) -> Sheet:
    """Return the rows, last targets whose period looks unfinished dropped if that was asked."""
    offset = to_offset(calendar.freq)
    if isinstance(offset, pd.offsets.Tick) and offset.nanos < _A_DAY.value:
        return sheet
    target = str(sheet.meaning.target)
    values = sheet.columns[target]
    found = [
        (span, running)
        for span in find_spans(sheet)
        if (running := _is_running(sheet.stamps[span.last], offset, now)) is not None
        and _looks_low(cast(Floats, values[span.window]), _UNFINISHED if running else _SUSPICIOUS)
    ]
    if not found:
        return sheet
    spans = [span for span, _ in found]
    repair = problems.meet(
        "incomplete_last",
        _tell_unfinished(sheet, found),
        column=target,
        rows=sheet.rows[[span.last for span in spans]],
        repairs=["drop"],
    )
    if problems.asked("incomplete_last") != repair:
        return sheet
    return _forget_last(sheet, target, spans)


def _is_running(last: pd.Timestamp, offset: pd.offsets.BaseOffset, now: datetime) -> bool | None:
    """Return whether the period of a date is not over yet, None where it is and may not be doubted."""
    own = pd.Timestamp(now).tz_convert(last.tz) if last.tz else pd.Timestamp(now).tz_localize(None)
    if abs(last.year - own.year) <= _MOST_YEARS:
        ends = last + _A_DAY if _is_end(offset) else last + offset
        if last - offset < own < ends:
            return True
    longer = not isinstance(offset, pd.offsets.Tick) and offset.rule_code != "B"
    return False if longer else None


def _is_end(offset: pd.offsets.BaseOffset) -> bool:
    return offset.rule_code.split("-")[0] in _ENDS


def _looks_low(window: Floats, share: float) -> bool:
    known = window[~np.isnan(window)]
    before = known[:-1][-_LOOKED_BACK:]
    return bool(len(known) > _LEAST_KNOWN and before.min() > 0 and 0 <= known[-1] < share * before.min())


def _tell_unfinished(sheet: Sheet, found: list[tuple[Span, bool]]) -> str:
    span, running = found[0]
    value = float(sheet.columns[str(sheet.meaning.target)][span.last])
    why = (
        "and that period is not over yet"
        if running
        else "as if the file was written before the period was over"
    )
    of_series = f" of series '{span.name}'" if sheet.meaning.id is not None else ""
    more = f" ({say(len(found), 'series', 'series')} in all)" if len(found) > 1 else ""
    return (
        f"Row {sheet.rows[span.last]}: the last target{of_series}, {value:g} at"
        f" {tell_date(sheet.stamps[span.last])}, is far below every one before it, {why}{more}."
    )


def _forget_last(sheet: Sheet, target: str, spans: list[Span]) -> Sheet:
    """Return the rows without these targets; a row goes with its target unless it tells what comes after."""
    values = sheet.columns[target].copy()
    kept = np.ones(len(values), dtype=bool)
    for span in spans:
        values[span.last] = np.nan
        kept[span.last] = span.last + 1 < span.stop or bool(sheet.meaning.covariates)
    return sheet.set(target, values).take(kept)


def judge_targets(sheet: Sheet, season: int, problems: Problems) -> None:
    """Tell constant series, and those too short to show a season."""
    target = str(sheet.meaning.target)
    values = sheet.columns[target]
    spans = [span for span in find_spans(sheet) if span.known]
    constant = [
        span
        for span in spans
        if span.known > 2 and np.nanmin(values[span.window]) == np.nanmax(values[span.window])
    ]
    if constant:
        _tell(
            sheet,
            "constant",
            constant,
            f"Column '{target}' has the same value at every step of",
            "there is nothing to learn from",
            problems,
        )
    needed = max(2, 2 * season)
    short = [span for span in spans if span.known < needed]
    if short:
        why = f"fewer than {needed} targets" + (f", two seasons of {season}" if season > 1 else "")
        _tell(
            sheet, "too_short", short, f"Column '{target}' has {why}, in", "no season can be seen", problems
        )


def _tell(sheet: Sheet, code: Code, spans: list[Span], fault: str, meaning: str, problems: Problems) -> None:
    named = f", such as '{spans[0].name}'" if sheet.meaning.id is not None else ""
    problems.meet(
        code,
        f"{fault} {say(len(spans), 'series', 'series')}{named}; {meaning}.",
        column=sheet.meaning.target,
        rows=sheet.rows[[span.start for span in spans]],
        count=len(spans),
    )
