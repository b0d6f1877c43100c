"""Which columns of a table have the items, the stamps and the values: as they are told, or by their names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from forecast.core.errors import DataError
from forecast.core.schemas import nearest

ITEM, STAMP, VALUE = "item_id", "timestamp", "value"
"""The columns that every table of history has; the others are covariates."""
OWN = (ITEM, STAMP, VALUE)

# Names for the same, the surest first; of names as sure as each other a table may have one.
ALIASES: dict[str, tuple[tuple[str, ...], ...]] = {
    ITEM: (
        ("item_id",),
        ("unique_id", "series_id"),
        ("item", "sku", "product_id", "product", "article", "series"),
        ("id",),
    ),
    STAMP: (("timestamp",), ("date", "ds", "datetime"), ("time", "day")),
    VALUE: (
        ("value",),
        ("target", "y", "demand", "units_sold", "sales", "quantity", "qty", "units", "sold"),
    ),
}
_MEANING = {ITEM: "the items", STAMP: "the stamps", VALUE: "the values"}
PARAMETERS = {ITEM: "item_column", STAMP: "timestamp_column", VALUE: "value_column"}
"""What a request names each by."""


@dataclass(frozen=True, slots=True)
class Named:
    """The columns that a request names itself, None where their names are to tell."""

    item: str | None = None
    timestamp: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table by what they hold; a table without values has covariates only."""

    item: str
    timestamp: str
    value: str | None
    covariates: tuple[str, ...] = field(default=())


def choose_columns(names: Sequence[str], told: Named, known: Collection[str] = ()) -> Columns:
    """Return what the columns of a table hold; `known` are the covariates that the dataset has already.

    Raises DataError where a column that is told is not there, where names leave it open which it is, and
    where a covariate would be called as one of OWN is.
    """
    free = [
        name for name in names if name not in known and name not in (told.item, told.timestamp, told.value)
    ]
    item = _require(ITEM, told.item, names, free)
    timestamp = _require(STAMP, told.timestamp, names, free)
    value = _find(VALUE, told.value, names, free)
    covariates = tuple(name for name in names if name not in (item, timestamp, value))
    if len({item, timestamp, value}) < 3:
        raise DataError("One column cannot hold the items, the stamps and the values at once.")
    if value is None and not (covariates and set(covariates) <= set(known)):
        raise _none(VALUE, names)
    taken = [name for name in covariates if name in OWN]
    if taken:
        raise DataError(
            f"The column '{taken[0]}' would be a covariate of a name that history uses itself; rename it, or"
            " leave it out."
        )
    return Columns(item, timestamp, value, covariates)


def _require(kind: str, told: str | None, names: Sequence[str], free: Sequence[str]) -> str:
    found = _find(kind, told, names, free)
    if found is None:
        raise _none(kind, names)
    return found


def _find(kind: str, told: str | None, names: Sequence[str], free: Sequence[str]) -> str | None:
    if told is not None:
        if told not in names:
            raise DataError(
                f"The table has no column '{told}' ({nearest(told, list(names))}), which {PARAMETERS[kind]}"
                " names.",
                details={"columns": list(names)},
            )
        return told
    for equals in ALIASES[kind]:
        found = [name for name in free if name.strip().lower() in equals]
        if len(found) > 1:
            raise DataError(
                f"Several columns could hold {_MEANING[kind]}: {', '.join(found)}; name one as"
                f" '{PARAMETERS[kind]}'.",
                details={"candidates": found},
            )
        if found:
            return found[0]
    return None


def _none(kind: str, names: Sequence[str]) -> DataError:
    return DataError(
        f"No column holds {_MEANING[kind]}; call it '{kind}', or name it as '{PARAMETERS[kind]}'.",
        details={"columns": list(names)},
    )
