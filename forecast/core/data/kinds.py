"""The types of columns that are read of Parquet and Arrow."""

from collections.abc import Callable

import pyarrow as pa

from forecast.core.data.selection import Selection
from forecast.core.data.table import column_names
from forecast.core.errors import DataError

TEXT = (pa.types.is_string, pa.types.is_large_string)
_DATES = (pa.types.is_date, pa.types.is_timestamp)
_KINDS = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_null,
    *TEXT,
    *_DATES,
)


def choose_columns(
    schema: pa.Schema, selection: Selection, source: str
) -> tuple[dict[str, pa.DataType], list[str]]:
    """Return the types of all columns by their names, and the names of those that a selection uses.

    Raises DataError, naming `source` as what the types are of, at a column used whose type is not read.
    """
    names = column_names(schema.names)
    types = {name: value_type(field.type) for name, field in zip(names, schema, strict=True)}
    likely = [name for name in names if is_any(types[name], (*TEXT, *_DATES, pa.types.is_null))]
    used = selection.columns(names, likely)
    for name in used:
        if not is_any(types[name], _KINDS):
            raise DataError(f"Column '{name}' has the {source} type {types[name]}, which is not read here.")
    return types, used


def value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values, whether they are kept in a dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def is_any(kind: pa.DataType, tests: tuple[Callable[[pa.DataType], bool], ...]) -> bool:
    """Return whether a type passes any of the tests."""
    return any(is_kind(kind) for is_kind in tests)
