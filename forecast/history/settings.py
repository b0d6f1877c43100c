"""Setting how the history of a dataset is meant."""

from collections.abc import Mapping

import pandas as pd
from sqlalchemy import Connection, func, select

from forecast.core.answer import write_dates
from forecast.core.errors import RequestError
from forecast.core.parameters import Role
from forecast.core.series.calendar import check_frequency
from forecast.core.series.calendar_covariates import check_places
from forecast.history.changes import differs, mark_all, next_stamp
from forecast.history.datasets import (
    HOLIDAYS,
    Dataset,
    find_dataset,
    list_datasets,
    lock_dataset,
    set_fields,
)
from forecast.history.schemas import DatasetInfo, DatasetList, DatasetSettings, check_name
from forecast.history.stamps import check_timezone, read_micros
from forecast.history.tables import datasets, items


def put_dataset(
    connection: Connection, client_id: str, name: str, given: DatasetSettings
) -> tuple[DatasetInfo, bool]:
    """Set a client's dataset, made when it is not there; return it, and whether it was made.

    Raises RequestError where the frequency, the zone or a place is not known, and where a covariate that has
    text is to be numerical.
    """
    check_name(name)
    _check(given)
    dataset, made = lock_dataset(connection, client_id, name)
    _check_roles(dataset, given.roles)
    fields = given.model_dump()
    set_fields(connection, dataset, fields)
    if differs(dataset, fields):
        mark_all(connection, dataset, next_stamp(dataset))
    return describe(connection, client_id, name), made


def describe(connection: Connection, client_id: str, name: str) -> DatasetInfo:
    """Return a client's dataset; raise NotFoundError where it has none of this name."""
    found = find_dataset(connection, client_id, name)
    return _info(found, _count(connection, client_id).get(found.dataset_id, (0, 0, 0, 0)))


def describe_all(connection: Connection, client_id: str) -> DatasetList:
    """Return a client's datasets by name."""
    counts = _count(connection, client_id)
    found = list_datasets(connection, client_id)
    return DatasetList(datasets=[_info(one, counts.get(one.dataset_id, (0, 0, 0, 0))) for one in found])


def _check(given: DatasetSettings) -> None:
    if given.freq is not None:
        check_frequency(given.freq, pd.DatetimeIndex(["2001-01-01"]))
    if given.timezone is not None:
        check_timezone(given.timezone)
    places = [f"{HOLIDAYS}{given.country}"] if given.country is not None else []
    check_places([*(given.calendar or ()), *places])


def _check_roles(dataset: Dataset, roles: Mapping[str, Role | None]) -> None:
    for one in dataset.covariates:
        if one.labels is not None and (roles.get(one.name) or "").endswith("numerical"):
            raise RequestError(f"The covariate '{one.name}' has text; it cannot be '{roles[one.name]}'.")


def _count(connection: Connection, client_id: str) -> dict[int, tuple[int, int, int, int]]:
    """Return for each dataset the number of items and of rows, and the first and the last stamp."""
    asked = (
        select(
            items.c.dataset_id,
            func.count(),
            func.sum(items.c.rows),
            func.min(items.c.first),
            func.max(items.c.last),
        )
        .join(datasets, datasets.c.dataset_id == items.c.dataset_id)
        .where(datasets.c.client_id == client_id)
        .group_by(items.c.dataset_id)
    )
    return {row[0]: (row[1], int(row[2]), row[3], row[4]) for row in connection.execute(asked)}


def _info(one: Dataset, counts: tuple[int, int, int, int]) -> DatasetInfo:
    count, rows, first, last = counts
    ends: list[str] | list[None] = [None, None]
    if count:
        stamps = pd.array([first, last]).to_numpy(dtype="int64")
        ends = write_dates(read_micros(stamps, zoned=bool(one.zoned), timezone=one.timezone))
    return DatasetInfo(
        name=one.name,
        missing=one.missing,
        freq=one.freq,
        timezone=one.timezone,
        country=one.country,
        calendar=None if one.calendar is None else list(one.calendar),
        covariates={covariate.name: one.role_of(covariate) for covariate in one.covariates},
        roles=dict(one.roles),
        made=list(one.made),
        items=count,
        rows=rows,
        first=ends[0],
        last=ends[1],
        created_at=one.created_at,
    )
