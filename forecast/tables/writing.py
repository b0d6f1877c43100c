"""A repaired table as it is answered and kept: ISO dates, plain numbers, text."""

import csv
import io
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pandas as pd

from forecast.core.config import Settings
from forecast.core.data.formats import parse_table
from forecast.core.errors import DataError, TooLargeError
from forecast.core.kept import new_file, refuse_if_full, source_of
from forecast.core.paths import files_of
from forecast.core.series.columns import read_categories, sift_numbers
from forecast.core.series.covariates import Values
from forecast.tables.facts import Facts
from forecast.tables.sheet import Sheet

Cells = dict[str, list[Any]]
_HEAD_ROWS = 20
_DELIMITERS = (",", ";", "\t", "|")
# Beyond this, neighbouring floats are more than 1 apart.
_LARGEST_WHOLE = 1e15


def write_stamps(stamps: pd.DatetimeIndex) -> list[str]:
    """Return dates in ISO 8601, without the time of day where all are midnight."""
    if stamps.tz is not None:
        return [stamp.isoformat() for stamp in stamps]
    values = stamps.to_numpy().astype("datetime64[ns]")
    units = ("D", "s", "us", "ns")
    unit = next(unit for unit in units if (values.astype(f"datetime64[{unit}]") == values).all())
    return np.datetime_as_string(values, unit=unit).tolist()  # type: ignore[call-overload,no-any-return]


def write_cells(sheet: Sheet, names: Sequence[str]) -> Cells:
    """Return the columns of a sheet, in this order."""
    meaning = sheet.meaning
    cells: Cells = {}
    for name in names:
        if name == meaning.timestamp:
            cells[name] = write_stamps(sheet.stamps)
        elif name == meaning.id:
            cells[name] = sheet.ids.tolist()
        else:
            cells[name] = _plain(sheet.columns[name])
    return cells


def write_source(columns: Sequence[Facts]) -> Cells:
    """Return the columns of a table as they stand in the source, for one that cannot be put in order."""
    return {
        facts.name: _plain(
            sift_numbers(facts.values)[0] if facts.kind == "numerical" else read_categories(facts.values)
        )
        for facts in columns
    }


def write_head(columns: Sequence[Facts]) -> Cells:
    """Return the first rows of a table's columns as text, empty cells as null."""
    cells: Cells = {}
    for facts in columns:
        head = facts.values.head(_HEAD_ROWS)
        texts = zip(head, read_categories(head), strict=True)
        cells[facts.name] = [(cell or None) if isinstance(cell, str) else text for cell, text in texts]
    return cells


def _plain(values: Values) -> list[Any]:
    if values.dtype == object:
        return list(values)
    cells = values.astype(object)
    cells[np.isnan(values)] = None
    return cells.tolist()  # type: ignore[no-any-return]


def keep_table(cells: Cells, name: str, settings: Settings, client_id: str) -> str:
    """Keep a table as CSV in the client's uploads and return what to name it by.

    Raises TooLargeError where an inference would not read it for its size, and where the client's files
    would be more than `uploads_bytes`.
    """
    content, files = _write_csv(cells, settings.max_upload_size), files_of(client_id, settings)
    refuse_if_full(len(content), files, settings.uploads_bytes)
    path = new_file(name, ".csv", files)
    with ExitStack() as undo, path.open("xb") as file:
        undo.callback(path.unlink)
        file.write(content)
        undo.pop_all()
    return source_of(path)


def _write_csv(cells: Cells, limit: int) -> bytes:
    """Return CSV that reads as the same columns: names and text may hold any of the delimiters."""
    columns = [[_text(cell) for cell in column] for column in cells.values()]
    rows = list(zip(*columns, strict=True))
    for delimiter in _DELIMITERS:
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
        writer.writerow(cells)
        writer.writerows(rows)
        content = buffer.getvalue().encode()
        if len(content) > limit:
            raise TooLargeError(f"Repaired, the table has {len(content)} bytes as CSV; the limit is {limit}.")
        if _reads_back(content, cells, limit):
            return content
    raise DataError(
        "The table cannot be kept: a name or a text in it has characters that CSV cannot hold, or all of its"
        " delimiters. Rename its columns, or leave out the text."
    )


def _reads_back(content: bytes, cells: Cells, limit: int) -> bool:
    try:
        frame = parse_table(content, "table.csv", limit).frame
    except DataError:
        return False
    return list(frame.columns) == list(cells) and len(frame) == len(next(iter(cells.values())))


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _LARGEST_WHOLE else repr(cell)
    return str(cell)
