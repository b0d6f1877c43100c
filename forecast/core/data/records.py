"""Reading tables of plain values: inline in a request, or a JSON file."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from forecast.core.cells import CellError
from forecast.core.data.table import Table, check_size, column_names, refuse_if_empty
from forecast.core.data.text import decode_text, is_unicode
from forecast.core.errors import DataError

_LARGEST = 10**300
_SHAPES = 'columns ({"date": [...], "sales": [...]}) or records ([{"date": ..., "sales": ...}, ...])'


def read_json(content: bytes) -> Table:
    """Return the table of a JSON file: columns, records, or either under `data`."""
    try:
        value = json.loads(
            decode_text(content), parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated
        )
    except json.JSONDecodeError as error:
        raise DataError(f"The file is not valid JSON: {error.msg} in line {error.lineno}.") from error
    except (RecursionError, ValueError) as error:
        raise DataError("The file's JSON is nested too deeply or has a number too long to read.") from error
    if isinstance(value, dict) and _is_table(value.get("data")):
        value = value["data"]
    if not isinstance(value, dict | list):
        raise DataError(f"The JSON is not a table; write it as {_SHAPES}.")
    return read_inline(value)


def read_inline(value: Mapping[str, Any] | Sequence[Any]) -> Table:
    """Return the table of a dict of equally long columns, or of a list of records.

    A record that lacks a key has an empty cell there. Raises DataError naming columns and rows.
    """
    columns = _columns(value) if isinstance(value, Mapping) else _transpose(value)
    names = column_names(list(columns))
    rows = max(map(len, columns.values()), default=0)
    check_size(rows, len(names))
    refuse_if_empty(rows)
    for name, cells in zip(names, columns.values(), strict=True):
        _check_cells(name, cells)
    return Table(pd.DataFrame(dict(zip(names, columns.values(), strict=True))))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict) for v in value))


def _refuse_constant(word: str) -> None:
    raise DataError(f"The JSON has {word}, which is no number; write null for an empty cell.")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        column_names([name for name, _ in pairs])
    return found


def _columns(value: Mapping[str, Any]) -> dict[str, list[Any]]:
    for name, cells in value.items():
        if not isinstance(cells, list):
            raise DataError(f"Column '{name}' is not a list; write the table as {_SHAPES}.")
    lengths = {name: len(cells) for name, cells in value.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' {length}" for name, length in list(lengths.items())[:10])
        raise DataError(f"The columns differ in length: {told}.")
    return dict(value)


def _transpose(records: Sequence[Any]) -> dict[str, list[Any]]:
    names: dict[str, None] = {}
    for row, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise DataError(f"Row {row} is not an object; write the table as {_SHAPES}.")
        names.update(dict.fromkeys(record))
    check_size(len(records), len(names))
    return {name: [record.get(name) for record in records] for name in names}


def _check_cells(name: str, cells: list[Any]) -> None:
    kinds = set(map(type, cells))
    nested = bool(kinds & {dict, list})
    # The rows of a column share most of their text.
    broken = str in kinds and not nested and any(map(_is_broken, set(cells)))
    faults: tuple[tuple[bool, str, Callable[[Any], bool]], ...] = (
        (nested, "is nested, not a plain value", _is_nested),
        (int in kinds, "is too large a number", _is_huge),
        (broken, "is not valid Unicode", _is_broken),
    )
    for possible, fault, is_fault in faults:
        row = next((row for row, cell in enumerate(cells, 1) if is_fault(cell)), None) if possible else None
        if row is not None:
            raise DataError(
                f"Column '{name}', row {row}: the cell {fault}.",
                errors=[CellError(f"the cell {fault}", column=name, row=row)],
            )


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, dict | list)


def _is_huge(cell: Any) -> bool:
    return isinstance(cell, int) and abs(cell) > _LARGEST


def _is_broken(cell: Any) -> bool:
    return isinstance(cell, str) and not is_unicode(cell)
