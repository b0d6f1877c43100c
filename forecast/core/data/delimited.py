"""Reading CSV: comma, semicolon, tab or pipe, every cell as text."""

import csv
import io

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.data.fault import Fault
from forecast.core.data.table import Table, check_size, column_names, refuse_if_empty
from forecast.core.data.text import decode_mended, decode_text
from forecast.core.data.titles import count_titles, tell_titles
from forecast.core.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
_HEAD = 1 << 18
_SAMPLE_ROWS = 20


def read_csv(content: bytes, *, mended: bool = False) -> Table:
    """Return the table of a CSV file in UTF-8; mended, of one in Windows-1252 or below a title too.

    Lines without anything are skipped and not counted as rows. Raises DataError at a row with another
    number of cells than the header, and at a quote that is never closed.
    """
    text, odd = decode_mended(content) if mended else (decode_text(content), None)
    text = text.lstrip("\r\n")
    delimiter, header, titles = _read_header(text, mended)
    text, title = _leave_out(text, delimiter, titles)
    names = column_names(header)
    check_size(max(text.count("\n"), text.count("\r")), len(names))
    if text.count('"') % 2:
        _refuse_open_quote(text, delimiter)
    frame = _read_rows(text.encode(), delimiter, names)
    refuse_if_empty(len(frame))
    return Table(frame, faults=tuple(fault for fault in (odd, title) if fault is not None))


def _read_header(text: str, mended: bool) -> tuple[str, list[str], int]:
    """Return the delimiter, the names, and how many rows stand above them, which are mended only.

    The delimiter is the one by which the first rows fall in most equal cells.
    """
    head = text[:_HEAD]
    whole = len(text) <= _HEAD
    if not whole and "\n" not in head and "\r" not in head:
        raise DataError("The first line of the file is too long to be the names of a table's columns.")
    best: tuple[bool, int] = (False, 0)
    found = (",", [""], 0)
    for delimiter in _DELIMITERS:
        rows = _sample(head, delimiter, whole)
        if not rows:
            continue
        titles = count_titles(rows) if mended else 0
        rows = rows[titles:]
        score = (len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows), len(rows[0]))
        if score > best:
            best, found = score, (delimiter, rows[0], titles)
    return found


def _leave_out(text: str, delimiter: str, titles: int) -> tuple[str, Fault | None]:
    """Return the text below so many rows, and what is wrong with it for them."""
    if not titles:
        return text, None
    stream = io.StringIO(text, newline="")
    rows: list[list[str]] = []
    for row in csv.reader(stream, delimiter=delimiter):
        if row:
            rows.append(row)
        if len(rows) == titles:
            break
    return text[stream.tell() :].lstrip("\r\n"), tell_titles(rows)


def _sample(head: str, delimiter: str, whole: bool) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > _SAMPLE_ROWS:
                break
    except csv.Error as error:
        raise DataError(f"The file cannot be read as CSV: {error}.") from error
    # The last row may be cut off where the head ends.
    return rows if whole or len(rows) == 1 else rows[:-1]


def _refuse_open_quote(text: str, delimiter: str) -> None:
    row = 0
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            row += bool(cells)
    except csv.Error as error:
        place = f"row {row}" if row else "the header"
        raise DataError(
            f"The file cannot be read as CSV: in {place} a quote is opened and not closed before the next"
            " delimiter or the end."
        ) from error


def _read_rows(content: bytes, delimiter: str, names: list[str]) -> pd.DataFrame:
    ragged: list[CellError] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        if len(ragged) <= MOST_ERRORS:
            cells = f"{row.actual_columns} cell{'s' if row.actual_columns != 1 else ''}"
            # The header is row 1 to the reader.
            ragged.append(CellError(f"{cells} instead of {row.expected_columns}", row=row.number - 1))
        return "skip"

    places = [str(place) for place in range(len(names))]
    content = content if content.endswith((b"\n", b"\r")) else content + b"\n"
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            # One block, one thread: rows are counted, and a cell may span lines anywhere.
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(content) + 1, column_names=places, skip_rows_after_names=1
            ),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(places, pa.string()), check_utf8=False),
        )
    except pa.ArrowException as error:
        raise DataError("The file cannot be read as CSV; check its quotes and line ends.") from error
    if ragged:
        raise DataError(
            f"Row {ragged[0].row} has {ragged[0].message}, which is the number of columns.",
            errors=ragged[:MOST_ERRORS],
        )
    frame: pd.DataFrame = table.to_pandas()
    frame.columns = pd.Index(names, dtype=object)
    return frame
