"""Keeping an uploaded table, and describing it."""

import shutil
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pandas as pd

from forecast.core.config import Settings
from forecast.core.data.formats import detect_format, parse_table
from forecast.core.data.selection import EVERYTHING, Selection
from forecast.core.errors import DataError, MediaTypeError, TooLargeError
from forecast.core.kept import SUFFIXES, new_file, refuse_if_full, source_of
from forecast.core.paths import files_of
from forecast.core.series.calendar import infer_frequency
from forecast.core.series.columns import is_empty, read_numbers
from forecast.core.series.dates import find_date_column, parse_dates
from forecast.uploads.schemas import ColumnKind, UploadedColumn, UploadResponse


def store_upload(
    file: BinaryIO, filename: str, settings: Settings, client_id: str, selection: Selection = EVERYTHING
) -> UploadResponse:
    """Copy a file into the client's uploads under a new name and return what it holds.

    Raises MediaTypeError at a name of another kind, TooLargeError above `max_upload_size` or where the
    client's files would be more than `uploads_bytes`, and DataError where it cannot be read; then nothing
    is kept.
    """
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix not in SUFFIXES:
        raise MediaTypeError(
            f"Files are read as {', '.join(SUFFIXES)}, and '{filename[:100]}' is none of them."
        )
    files = files_of(client_id, settings)
    refuse_if_full(_measure(file, settings.max_upload_size), files, settings.uploads_bytes)
    path = new_file(filename, suffix, files)
    with ExitStack() as undo:
        with path.open("xb") as kept:
            undo.callback(path.unlink)
            shutil.copyfileobj(file, kept)
        answer = _describe(path, settings.max_upload_size, selection)
        undo.pop_all()
    return answer


def _measure(file: BinaryIO, limit: int) -> int:
    """Return the size of a file, and be at its beginning; raise TooLargeError above the limit."""
    size = file.seek(0, 2)
    if size > limit:
        raise TooLargeError(f"The file has {size} bytes; the limit is {limit}.")
    file.seek(0)
    return size


def _describe(path: Path, limit: int, selection: Selection) -> UploadResponse:
    content = path.read_bytes()
    frame = parse_table(content, path.name, limit, selection).frame
    date_column, dates = _find_dates(frame)
    columns = [
        UploadedColumn(
            name=str(name),
            kind="date" if name in dates else _kind(frame[name]),
            missing=int(is_empty(frame[name]).sum()),
        )
        for name in frame.columns
    ]
    return UploadResponse(
        path=source_of(path),
        size_bytes=len(content),
        format=detect_format(content, path.name),
        rows=len(frame),
        columns=columns,
        date_column=date_column,
        frequency=None if date_column is None else _frequency(frame[date_column]),
    )


def _find_dates(frame: pd.DataFrame) -> tuple[str | None, list[str]]:
    """Return the column of dates, None when it is not clear which, and all that could be it."""
    try:
        found = find_date_column(frame)
    except DataError as error:
        return None, list(error.details.get("candidates", ()))
    return found, [found] if found else []


def _kind(column: pd.Series) -> ColumnKind:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "date"
    try:
        read_numbers(column)
    except DataError:
        return "categorical"
    return "numerical"


def _frequency(column: pd.Series) -> str | None:
    try:
        return infer_frequency(parse_dates(column))
    except DataError:
        return None
