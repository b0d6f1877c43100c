"""A client's datasets: what they are called, how their gaps are meant, which covariates they have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from forecast.core.errors import NotFoundError, StateError
from forecast.core.parameters import Missing, Role
from forecast.core.schemas import printable
from forecast.history.tables import covariates, datasets, items, observations

DEFAULT_DATASET = "default"
HOLIDAYS = "holidays:"


@dataclass(frozen=True, slots=True)
class Covariate:
    """One covariate of a dataset; `labels` are its categories, None where it is a number."""

    name: str
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as it is kept; its covariates in the order in which they came.

    `roles` are those that covariates were given, seen yet or not, None for what forecasts leave out.
    `zoned` tells whether its stamps are moments or times of a clock, None while it has none;
    `changed` is the stamp of its last change, `value_column` what its client calls the column of values.
    """

    dataset_id: int
    name: str
    missing: Missing
    freq: str | None
    timezone: str | None
    country: str | None
    calendar: tuple[str, ...] | None
    roles: Mapping[str, Role | None]
    zoned: bool | None
    created_at: datetime
    changed: int
    covariates: tuple[Covariate, ...]
    value_column: str | None = None

    @property
    def made(self) -> tuple[str, ...]:
        """The covariates to make of the dates: those named, else weekends and holidays of the country."""
        if self.calendar is not None:
            return self.calendar
        return ("is_weekend", f"{HOLIDAYS}{self.country}") if self.country else ()

    def role_of(self, one: Covariate) -> Role | None:
        """Return the role of a covariate: the one it was given, None being none, else a dynamic one.

        A flag of 0 and 1 is a number, for it needs no more than one effect.
        """
        usual: Role = "dynamic_numerical" if one.labels is None else "dynamic_categorical"
        return self.roles.get(one.name, usual)


def find_dataset(connection: Connection, client_id: str, name: str) -> Dataset:
    """Return a client's dataset; raise NotFoundError where it has none of this name."""
    found = look_up(connection, client_id, name)
    if found is None:
        raise NotFoundError(f"There is no dataset '{printable(name)}'.")
    return found


def look_up(connection: Connection, client_id: str, name: str) -> Dataset | None:
    """Return a client's dataset, None where it has none of this name."""
    return _read(connection, select(datasets).where(_named(client_id, name)))


def list_datasets(connection: Connection, client_id: str) -> list[Dataset]:
    """Return a client's datasets by name."""
    asked = select(datasets).where(datasets.c.client_id == client_id).order_by(datasets.c.name)
    own = select(datasets.c.dataset_id).where(datasets.c.client_id == client_id)
    parts = select(covariates).where(covariates.c.dataset_id.in_(own))
    by_dataset: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(parts.order_by(covariates.c.position)):
        by_dataset.setdefault(row.dataset_id, []).append(row)
    return [_dataset(row, by_dataset.get(row.dataset_id, [])) for row in connection.execute(asked)]


def lock_dataset(connection: Connection, client_id: str, name: str) -> tuple[Dataset, bool]:
    """Return a client's dataset, and whether it was made now.

    Until the transaction ends nobody else writes into it.
    """
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    fresh = {
        "client_id": client_id,
        "name": name,
        "missing": "error",
        "roles": {},
        "created_at": datetime.now(UTC),
    }
    making = dialect.insert(datasets).values(fresh).on_conflict_do_nothing()
    made = connection.execute(making.returning(datasets.c.dataset_id)).first() is not None
    found = _read(connection, select(datasets).where(_named(client_id, name)).with_for_update())
    if found is None:  # deleted between the two statements
        raise StateError(f"The dataset '{printable(name)}' is being deleted by another call; try again.")
    return found, made


def set_fields(connection: Connection, dataset: Dataset, fields: Mapping[str, Any]) -> None:
    """Keep new settings of a dataset, by the names of its columns."""
    if fields:
        connection.execute(
            update(datasets).where(datasets.c.dataset_id == dataset.dataset_id).values(**fields)
        )


def keep_covariates(connection: Connection, dataset: Dataset, now: Sequence[Covariate]) -> None:
    """Keep the covariates that a dataset has now: those it had, in their order, and further ones."""
    had = dataset.covariates
    new = [
        {"dataset_id": dataset.dataset_id, "position": place, **_columns(one)}
        for place, one in enumerate(now)
        if place >= len(had)
    ]
    changed = [
        {"of": dataset.dataset_id, "at": place, "labels": _columns(one)["labels"]}
        for place, one in enumerate(now[: len(had)])
        if one != had[place]
    ]
    if new:
        connection.execute(insert(covariates), new)
    if changed:
        this = (covariates.c.dataset_id == bindparam("of")) & (covariates.c.position == bindparam("at"))
        connection.execute(update(covariates).where(this), changed)


def delete_dataset(connection: Connection, client_id: str, name: str) -> None:
    """Delete a client's dataset and all in it; raise NotFoundError where it has none of this name."""
    find_dataset(connection, client_id, name)
    dataset, _ = lock_dataset(connection, client_id, name)
    keys = select(items.c.item_key).where(items.c.dataset_id == dataset.dataset_id)
    connection.execute(delete(observations).where(observations.c.item_key.in_(keys)))
    connection.execute(delete(items).where(items.c.dataset_id == dataset.dataset_id))
    connection.execute(delete(covariates).where(covariates.c.dataset_id == dataset.dataset_id))
    connection.execute(delete(datasets).where(datasets.c.dataset_id == dataset.dataset_id))


def _named(client_id: str, name: str) -> Any:
    return (datasets.c.client_id == client_id) & (datasets.c.name == name)


def _read(connection: Connection, asked: Select[Any]) -> Dataset | None:
    row = connection.execute(asked).one_or_none()
    if row is None:
        return None
    parts = select(covariates).where(covariates.c.dataset_id == row.dataset_id)
    return _dataset(row, connection.execute(parts.order_by(covariates.c.position)).all())


def _dataset(row: Row[Any], parts: Sequence[Row[Any]]) -> Dataset:
    return Dataset(
        dataset_id=row.dataset_id,
        name=row.name,
        missing=row.missing,
        freq=row.freq,
        timezone=row.timezone,
        country=row.country,
        calendar=None if row.calendar is None else tuple(row.calendar),
        roles=row.roles,
        zoned=row.zoned,
        created_at=row.created_at,
        changed=row.changed,
        covariates=tuple(
            Covariate(part.name, None if part.labels is None else tuple(part.labels)) for part in parts
        ),
        value_column=row.value_column,
    )


def _columns(one: Covariate) -> dict[str, Any]:
    return {"name": one.name, "labels": None if one.labels is None else list(one.labels)}
