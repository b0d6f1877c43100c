"""Forecasts of items of a dataset by their names."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from forecast.core.data.table import Table
from forecast.core.errors import DataError, HistoryError, NotFoundError, RequestError, SapheneiaError
from forecast.core.parameters import InferenceRequest
from forecast.core.schemas import printable
from forecast.database.connection import Database
from forecast.history.clock import read_by_clock
from forecast.history.columns import ITEM, VALUE
from forecast.history.flags import add_flags_ahead, add_flags_between, complete_flags
from forecast.history.reading import History, list_item_ids, read_history
from forecast.runs.asking import forecast_request, read_forecast
from forecast.runs.lead import find_calendar
from forecast.runs.outcome import Predicted
from forecast.runs.pinning import Pinned
from forecast.runs.portion import Calendar, Portion, is_pooled, make_portion
from forecast.runs.schemas import ForecastRequest
from forecast.runs.silence import close_silence
from forecast.runs.work import Ask, Part, cut_places

_CHANGED = "The item's history was changed after the forecast was asked for, and read as it is now."


@dataclass(frozen=True, slots=True, eq=False)
class NamedItems:
    """The items of one part; `first` is the place of its first in the run, `calendar` common to all parts.

    `as_of` is the stamp of the last change in the dataset before it was asked for.
    """

    ask: Ask
    body: ForecastRequest
    names: list[str]
    first: int
    calendar: Calendar | None
    pinned: Pinned
    as_of: int | None

    def cut(self, first_items: int, most_items: int) -> list[Part]:
        """Return the parts of the items: the first of at most so many, then each."""
        facts = {"calendar": self.calendar, "pinned": self.pinned, "as_of": self.as_of}
        parts = []
        for number, place in enumerate(cut_places(len(self.names), first_items, most_items)):
            names = self.names[place]
            kept = {"names": names, "first": self.first + place.start, **facts}
            parts.append(Part(number, len(names), orjson.dumps(kept)))
        return parts

    def read(self, database: Database, least: int) -> tuple[History, dict[str, SapheneiaError]]:
        """Return the history of the items, and why those cannot be forecast that have too little of it."""
        with database.read() as connection:
            history = read_history(
                connection, self.ask.client_id, self.body.dataset, self.names, self.body.start_date
            )
            known = _count_known(history)
            missing = [name for name in self.names if name not in known]
            there = set(list_item_ids(connection, self.ask.client_id, self.body.dataset)) if missing else ()
        failed: dict[str, SapheneiaError] = {}
        for name in self.names:
            count = known.get(name, 0)
            if name in missing and name not in there:
                told = f"The dataset '{printable(self.body.dataset)}' has no item '{printable(name)}'."
                failed[name] = NotFoundError(told)
            elif count < least:
                failed[name] = _too_short(name, count, least, self.body.start_date)
        return history, failed

    def complete(self, history: History) -> tuple[History, dict[str, SapheneiaError]]:
        """Return the history with what its dataset knows without being told: zeros, and flags of days.

        It is read by the clock of the forecast, without items that have no such times, which are told.
        """
        if self.calendar is None:
            return history, {}
        told = as_inference(self.ask, self.body, history).parameters
        history, failed = read_by_clock(history, told.timezone)
        history = close_silence(history, self.body.start_date, self.calendar)
        if not self.body.use_covariates:
            return history, failed
        freq, by_clock = self.calendar
        history = complete_flags(history)
        history = add_flags_ahead(history, self.body.prediction_length, freq, by_clock=by_clock)
        if told.missing == "error":
            return history, failed  # a gap is told as a day without a row
        since = told.context_start_date
        return add_flags_between(history, freq, by_clock=by_clock, since=since), failed

    def portion(self, request: InferenceRequest[Any], history: History, names: Sequence[str]) -> Portion:
        """Return some of the items with their history; raise DataError where no item told a calendar."""
        if self.calendar is None:
            raise DataError("No item tells the calendar of the dates; pass 'freq' in 'parameters'.")
        frame = history.frame
        chosen = frame[frame[ITEM].isin(list(names)).to_numpy()]
        return replace(make_portion(request, Table(chosen), self.calendar), lenient=True)

    def tell_changes(
        self, history: History, made: Mapping[str, list[Predicted]]
    ) -> dict[str, list[Predicted]]:
        """Return forecasts, those with a warning whose items were changed after they were asked for."""
        as_of = sys.maxsize if self.as_of is None else self.as_of
        late = {name for name, changed in history.changed.items() if changed > as_of}
        return {
            name: [replace(one, warnings=(*one.warnings, _CHANGED)) for one in found]
            if name in late
            else found
            for name, found in made.items()
        }


def split_named(database: Database, ask: Ask, most_items: int, pinned: Pinned) -> list[Part]:
    """Return the parts of a forecast by name; raise NotFoundError where there is no such dataset."""
    body = read_forecast(ask)
    with database.read() as connection:
        empty = read_history(connection, ask.client_id, body.dataset, [], body.start_date)
        request = as_inference(ask, body, empty)
        names = body.item_ids or list_item_ids(connection, ask.client_id, body.dataset)
        if not names:
            raise RequestError(f"The dataset '{printable(body.dataset)}' has no items.")
        try:
            calendar = find_calendar(connection, ask.client_id, body.dataset, names, body.start_date, request)
        except DataError:
            calendar = None  # each item will say so
    whole = NamedItems(ask, body, list(names), 0, calendar, pinned, empty.as_of)
    most = len(names) if is_pooled(request) else most_items
    return whole.cut(most, most)


def divide_named(ask: Ask, part: Part, first_items: int, most_items: int) -> list[Part]:
    """Return the parts of a part."""
    items = read_named(ask, part)
    pooled = is_pooled(forecast_request(ask.model_id, items.body, {VALUE: "target"}, {}))
    return [part] if pooled else items.cut(first_items, most_items)


def read_named(ask: Ask, part: Part) -> NamedItems:
    """Return the items of a part."""
    kept = orjson.loads(part.content)
    calendar = None if kept["calendar"] is None else (kept["calendar"][0], kept["calendar"][1])
    body, as_of = read_forecast(ask), kept.get("as_of")  # parts of an earlier version lack it
    return NamedItems(ask, body, kept["names"], kept["first"], calendar, kept["pinned"], as_of)


def as_inference(ask: Ask, body: ForecastRequest, history: History) -> InferenceRequest[Any]:
    """Return the inference that a forecast by name is, given what its dataset says of itself."""
    defaults = {
        "missing": history.missing,
        "freq": history.freq,
        "timezone": history.timezone,
        "add_calendar": list(history.calendar) or None,
    }
    return forecast_request(ask.model_id, body, history.roles, defaults)


def _count_known(history: History) -> dict[str, int]:
    """Return the number of known values of each item that has rows."""
    items = history.frame[ITEM].cat
    codes = items.codes.to_numpy()
    rows = np.bincount(codes, minlength=len(items.categories))
    known = np.bincount(codes, history.frame[VALUE].notna().to_numpy(), minlength=len(items.categories))
    return {
        str(name): int(count) for name, count, some in zip(items.categories, known, rows, strict=True) if some
    }


def _too_short(name: str, count: int, least: int, until: str | None) -> HistoryError:
    when = "" if until is None else f" up to {until}"
    return HistoryError(
        f"Item '{printable(name)}' has {count} known value{'s' if count != 1 else ''}{when}; a forecast needs"
        f" at least {least} (setting MIN_HISTORICAL_DATA)."
    )
