"""Forecasts of the series of a table that came with the request."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio

from forecast.core.config import Settings
from forecast.core.data.selection import select
from forecast.core.data.source import find_table
from forecast.core.data.table import Table
from forecast.core.parameters import InferenceRequest
from forecast.runs.asking import inference_request
from forecast.runs.cells import pack_frame, unpack_frame
from forecast.runs.pinning import Pinned
from forecast.runs.portion import Portion, is_pooled, make_portion
from forecast.runs.work import Ask, Part, cut_places


@dataclass(frozen=True, slots=True, eq=False)
class TableSeries:
    """The series of one part; `first` is the place of its first in the run."""

    whole: Portion
    first: int
    pinned: Pinned


def split_table(
    settings: Settings, ask: Ask, request: InferenceRequest[Any], most_items: int, pinned: Pinned
) -> list[Part]:
    """Return the parts of an inference; its table is read now. Raises the errors of its reading."""
    source, inline = request.data_source_url_or_path, request.data
    read = anyio.run(partial(find_table, source, inline, settings, ask.client_id, select(request)))
    return _cut(make_portion(request, read()), 0, most_items, most_items, pinned)


def divide_series(ask: Ask, part: Part, first_items: int, most_items: int) -> list[Part]:
    """Return the parts of a part."""
    series = read_series(ask, part)
    return _cut(series.whole, series.first, first_items, most_items, series.pinned)


def read_series(ask: Ask, part: Part) -> TableSeries:
    """Return the series of a part."""
    frame, notes = unpack_frame(part.content)
    kept = {name: value for name, value in ask.body.items() if name in ("data_definition", "parameters")}
    request = inference_request(replace(ask, body=kept))
    parameters = request.parameters.model_copy(update={"series_ids": None})
    roles = notes["roles"]
    request = request.model_copy(update={"data_definition": roles, "parameters": parameters})
    freq, by_clock = notes["calendar"]
    whole = make_portion(request, Table(frame), (freq, by_clock))
    return TableSeries(replace(whole, notes=tuple(notes["notes"])), notes["first"], notes["pinned"])


def _cut(whole: Portion, first: int, first_items: int, most_items: int, pinned: Pinned) -> list[Part]:
    names, width = list(whole.rows), len(whole.targets)
    if is_pooled(whole.request):
        return [_write(0, whole, first, pinned)]
    places = cut_places(len(names), max(1, first_items // width), max(1, most_items // width))
    return [
        _write(number, whole.only(names[place]), first + place.start * width, pinned)
        for number, place in enumerate(places)
    ]


def _write(number: int, portion: Portion, first: int, pinned: Pinned) -> Part:
    notes = {
        "roles": portion.request.data_definition,
        "calendar": portion.calendar,
        "notes": portion.notes,
        "first": first,
        "pinned": pinned,
    }
    items = len(portion.rows) * len(portion.targets)
    return Part(number, items, pack_frame(portion.frame, notes))


def name_items(names: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Return what the forecasts of series are called, one a target, as an inference calls them."""
    if len(targets) == 1:
        return list(names)
    return [f"{name}/{target}" for name in names for target in targets]
