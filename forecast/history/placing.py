"""Putting rows among those that are there: new ones are inserted, others replaced where they differ."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from forecast.history.items import Items
from forecast.history.rows import Ints, Rows
from forecast.history.storage import Storage, storage_of

_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """What of a row is sent: its value or not, and the covariates at these places."""

    value: bool
    covariates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """How many rows are new, and how many were there and differed."""

    inserted: int
    updated: int


@dataclass(frozen=True, slots=True, eq=False)
class _Stretches:
    """For each item, by key: where its rows begin among those sent, and what is there of it already."""

    keys: Ints
    starts: Ints
    ends: Ints
    first: Ints
    last: Ints
    count: Ints
    changed: Ints


def place_rows(connection: Connection, rows: Rows, there: Items, part: Part, stamp: int) -> Done:
    """Write rows, which come by item and time, and keep what the items tell of theirs.

    Those are `changed` at the stamp of which any row is new or another than before.
    """
    storage = storage_of(connection)
    own = _stretches(rows, there)
    before = (own.count > 0) & (own.first <= rows.at[own.ends - 1]) & (own.last >= rows.at[own.starts])
    fresh = np.repeat(~before, own.ends - own.starts)
    if fresh.any():
        storage.insert(connection, rows if fresh.all() else rows.take(fresh))
    inserted = np.where(before, 0, own.ends - own.starts)
    updated = np.zeros_like(inserted)
    for group in _groups(np.flatnonzero(before), own.count):
        new, changed = _merge(connection, storage, own, group, rows, part)
        inserted[group] = _count(new, own.keys[group])
        updated[group] = _count(changed, own.keys[group])
    nothing = own.count == 0
    first, last = rows.at[own.starts], rows.at[own.ends - 1]
    storage.set_extents(
        connection,
        own.keys,
        np.where(nothing, first, np.minimum(first, own.first)),
        np.where(nothing, last, np.maximum(last, own.last)),
        own.count + inserted,
        np.where(inserted + updated > 0, stamp, own.changed),
    )
    return Done(int(inserted.sum()), int(updated.sum()))


def _stretches(rows: Rows, there: Items) -> _Stretches:
    keys, starts = np.unique(rows.keys, return_index=True)
    known = np.argsort(there.keys)
    found = np.searchsorted(keys, there.keys[known])
    extents = []
    for values in (there.first, there.last, there.rows, there.changed):
        filled = np.zeros(len(keys), dtype=np.int64)
        filled[found] = values[known]
        extents.append(filled)
    ends = np.append(starts[1:], len(rows))
    return _Stretches(keys, starts, ends, *extents)


def _groups(places: Ints, count: Ints) -> Iterator[Ints]:
    """Yield items in groups that do not have too many rows to be read at once."""
    if len(places):
        numbers = np.cumsum(count[places]) // _AT_ONCE
        yield from np.split(places, np.flatnonzero(np.diff(numbers)) + 1)


def _merge(
    connection: Connection, storage: Storage, own: _Stretches, group: Ints, rows: Rows, part: Part
) -> tuple[Ints, Ints]:
    """Write the rows of some items; return the items of those that are new, and of others that differed."""
    first, last = int(rows.at[own.starts[group]].min()), int(rows.at[own.ends[group] - 1].max())
    there = storage.fetch(connection, own.keys[group], first, last, rows.covariates.shape[1]).ordered()
    chosen = np.zeros(len(own.keys), dtype=bool)
    chosen[group] = True
    sent = rows.take(np.repeat(chosen, own.ends - own.starts))
    met, places = _match(there, sent)
    old, now = there.take(places), sent.take(met)
    values = now.values if part.value else old.values
    covariates = old.covariates.copy()
    covariates[:, part.covariates] = now.covariates[:, part.covariates]
    differs = _differ(values, old.values) | _differ(covariates, old.covariates).any(axis=1)
    changed = Rows(old.keys, old.at, values, covariates).take(differs)
    if len(changed):
        storage.replace(connection, changed)
    new = sent.take(~met)
    if len(new):
        storage.insert(connection, new)
    return new.keys, changed.keys


def _match(there: Rows, sent: Rows) -> tuple[NDArray[np.bool_], Ints]:
    """Return which rows sent are there already, and in which places."""
    keys, at = np.concatenate([there.keys, sent.keys]), np.concatenate([there.at, sent.at])
    order = np.lexsort((at, keys))  # stable: what is there comes before what is sent
    again = (keys[order][1:] == keys[order][:-1]) & (at[order][1:] == at[order][:-1])
    met = np.zeros(len(sent), dtype=bool)
    met[order[1:][again] - len(there)] = True
    return met, order[:-1][again]


def _differ(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return differs


def _count(keys: Ints, among: Ints) -> Ints:
    counts = np.zeros(len(among), dtype=np.int64)
    np.add.at(counts, np.searchsorted(among, keys), 1)
    return counts
