"""Which column of a table plays which role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forecast.core.ability import models_with
from forecast.core.data.table import Table
from forecast.core.errors import DataError, RequestError
from forecast.core.parameters import Role
from forecast.core.schemas import nearest
from forecast.core.series.dates import find_date_column

ONLY_SERIES = "series_0"
_ONCE: tuple[Role, ...] = ("target", "timestamp", "id")
MOST_TARGETS = 100
"""The most targets that are forecast together; a model's work grows with their square."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The columns of one request by role; covariates in the caller's order."""

    targets: tuple[str, ...]
    timestamp: str
    id: str | None
    covariates: dict[str, Role]


def read_definition(table: Table, roles: Mapping[str, Role], *, multivariate: bool = False) -> Definition:
    """Return the columns that a request names, the timestamp found where it names none.

    Several are targets only where `multivariate`. Raises RequestError where the roles contradict each
    other, DataError where a column is not there.
    """
    columns = [*map(str, table.frame.columns), *table.unread]
    _refuse_unknown(roles, columns)
    targets = _targets(roles, multivariate)
    timestamp = _one(roles, "timestamp")
    if timestamp is None:
        timestamp = find_date_column(table.frame, taken=roles)
    if timestamp is None:
        raise DataError(
            "The table has no date column; name it date, ds or timestamp, or give it the role 'timestamp'.",
            details={"columns": columns},
        )
    plain = ("target", "timestamp", "id")
    covariates = {name: role for name, role in roles.items() if role not in plain}
    return Definition(targets, timestamp, _one(roles, "id"), covariates)


def check_roles(roles: Mapping[str, Role], columns: Sequence[str]) -> None:
    """Let roles pass that columns of these names can have, those of which there is one given at most once.

    Raises DataError naming columns that are not there, RequestError at a repeated role.
    """
    _refuse_unknown(roles, columns)
    for role in _ONCE:
        _one(roles, role)


def _refuse_unknown(roles: Mapping[str, Role], columns: Sequence[str]) -> None:
    known = set(columns)
    unknown = [name for name in roles if name not in known]
    if unknown:
        hints = ", ".join(f"'{name}' ({nearest(name, list(columns))})" for name in unknown)
        raise DataError(f"The table has no column {hints}.", details={"columns": list(columns)})


def _targets(roles: Mapping[str, Role], multivariate: bool) -> tuple[str, ...]:
    names = tuple(name for name, given in roles.items() if given == "target")
    if not names:
        raise RequestError("data_definition names no column as 'target'.")
    if len(names) > 1 and not multivariate:
        able = models_with("multivariate")
        raise RequestError(
            f"data_definition gives the role 'target' to several columns: {', '.join(names)}. Forecast them"
            " one by one, or together with 'multivariate': true"
            + (f" by a model that can: {', '.join(able)}." if able else ".")
        )
    if len(names) > MOST_TARGETS:
        raise RequestError(
            f"At most {MOST_TARGETS} targets are forecast together, and these are {len(names)}."
        )
    return names


def _one(roles: Mapping[str, Role], role: Role) -> str | None:
    names = [name for name, given in roles.items() if given == role]
    if len(names) > 1:
        raise RequestError(f"data_definition gives the role '{role}' to several columns: {', '.join(names)}.")
    return names[0] if names else None
