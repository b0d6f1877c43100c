"""When datasets and their items were changed last, so that whoever reads one twice can tell.

A stamp is microseconds since 1970, and greater than all that its dataset had before, whatever the clocks say.
"""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, update

from forecast.history.datasets import Dataset
from forecast.history.tables import datasets, items


def next_stamp(dataset: Dataset) -> int:
    """Return the stamp of a change to a dataset that is locked."""
    return max(dataset.changed + 1, time.time_ns() // 1_000)


def mark_dataset(connection: Connection, dataset: Dataset, at: int) -> None:
    """Note that something in a dataset was changed; which items it was, they tell themselves."""
    own = datasets.c.dataset_id == dataset.dataset_id
    connection.execute(update(datasets).where(own).values(changed=at))


def mark_all(connection: Connection, dataset: Dataset, at: int) -> None:
    """Note that something was changed that all items of a dataset have in common."""
    mark_dataset(connection, dataset, at)
    connection.execute(update(items).where(items.c.dataset_id == dataset.dataset_id).values(changed=at))


def differs(dataset: Dataset, fields: Mapping[str, Any]) -> bool:
    """Return whether settings, by the names of their columns, are others than a dataset has."""
    return any(_plain(getattr(dataset, name)) != _plain(value) for name, value in fields.items())


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
