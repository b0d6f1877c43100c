"""Which columns of a table have the items, the stamps and the values: as they are told, or by their names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from forecast.core.errors import DataError
from forecast.core.schemas import nearest
from forecast.history.misspelt import find_meant

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
    """The columns that a request names itself, None where their names are to tell.

    `item_id` is the item of all rows of a table that has no column of items.
    """

    item: str | None = None
    timestamp: str | None = None
    value: str | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table by what they hold; a table without values has covariates only.

    One without a column of items is of a single one.
    """

    item: str | None
    timestamp: str
    value: str | None
    covariates: tuple[str, ...] = field(default=())


def choose_columns(names: Sequence[str], told: Named, known: Collection[str] = ()) -> Columns:
    """Return what the columns of a table hold; `known` are the covariates that the dataset has already.

    Raises DataError where a column that is told is not there, where names leave it open which it is, and
    where a covariate would be called as one of OWN is.
    """
    given = [name for name in (told.item, told.timestamp, told.value) if name is not None]
    if len(set(given)) < len(given):
        raise DataError("One column cannot hold two of the items, the stamps and the values.")
    free = [
        name for name in names if name not in known and name not in (told.item, told.timestamp, told.value)
    ]
    item = _find(ITEM, told.item, names, free)
    if told.item_id is not None and item is not None:
        raise DataError(f"The column '{item}' names the items; leave 'item_id' out, or that column.")
    if told.item_id is None and item is None:
        raise _none(ITEM, names, free)
    timestamp = _find(STAMP, told.timestamp, names, free)
    if timestamp is None:
        raise _none(STAMP, names, free)
    value = _find(VALUE, told.value, names, free)
    covariates = tuple(name for name in names if name not in (item, timestamp, value))
    if value is None and not (covariates and set(covariates) <= set(known)):
        raise _none(VALUE, names, free)
    taken = [name for name in covariates if name in OWN]
    if taken:
        raise DataError(
            f"The column '{taken[0]}' would be a covariate of a name that history uses itself; rename it, or"
            " leave it out."
        )
    return Columns(item, timestamp, value, covariates)


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


def _none(kind: str, names: Sequence[str], free: Sequence[str]) -> DataError:
    known = [alias for equals in ALIASES[kind] for alias in equals]
    meant = ((name, find_meant(name.strip().lower(), known)) for name in free)
    likely = next((f"; did you mean '{alias}' by '{name}'?" for name, alias in meant if alias), ".")
    told = f"Call it '{kind}', or name it as '{PARAMETERS[kind]}'"
    told += "; of a table of one item, name that as 'item_id'." if kind == ITEM else "."
    return DataError(f"No column holds {_MEANING[kind]}{likely} {told}", details={"columns": list(names)})
