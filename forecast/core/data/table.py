"""A table as it was fetched, before its columns have roles."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.data.fault import Fault
from forecast.core.data.text import is_unicode
from forecast.core.errors import DataError

MOST_COLUMNS = 10_000
MOST_CELLS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns with unique names over at least one row.

    Every column of a CSV is text as it stands there, an empty cell being "". Other sources keep the
    types of their values, an empty cell being None or NaN. A row's label in the index of `frame` is its
    place in the source, counted from 0; to a caller rows count from 1. `unread` names the columns that
    the source has beside those of `frame`; without all rows it is not `whole`. `faults` are what a strict
    reading would have refused it for. A spreadsheet tells the names of its `sheets` and the one read.
    """

    frame: pd.DataFrame
    unread: tuple[str, ...] = ()
    whole: bool = True
    faults: tuple[Fault, ...] = ()
    sheets: tuple[str, ...] = ()
    sheet: str | None = None


def column_names(names: Sequence[object]) -> list[str]:
    """Return the names as stripped text; raise DataError naming those that are empty or appear twice."""
    check_size(0, len(names))
    texts = ["" if name is None else str(name).strip() for name in names]
    broken = [place for place, text in enumerate(texts, 1) if not is_unicode(text)]
    if broken:
        raise DataError(f"The name of column {broken[0]} is not valid Unicode.")
    empty = [place for place, text in enumerate(texts, 1) if not text]
    if empty:
        places = ", ".join(map(str, empty[:MOST_ERRORS]))
        raise DataError(
            f"Every column needs a name, and column {places} of the table has none."
            + (
                " Pandas writes its index so, unless to_csv is told index=False."
                if empty == [1]
                else " Leave out what stands above the names, such as a title."
            )
        )
    repeated = [text for text, count in Counter(texts).items() if count > 1][:MOST_ERRORS]
    if repeated:
        raise DataError(
            f"The table has several columns named {', '.join(map(repr, repeated))}; names must differ.",
            errors=[CellError("appears more than once", column=text) for text in repeated],
        )
    return texts


def check_size(rows: int, columns: int) -> None:
    """Raise DataError where a table is larger than what fits in memory as one."""
    if columns > MOST_COLUMNS:
        raise DataError(f"The table has {columns} columns; the limit is {MOST_COLUMNS}.")
    if rows * columns > MOST_CELLS:
        raise DataError(f"The table has {rows * columns} cells; the limit is {MOST_CELLS}.")


def refuse_if_empty(rows: int) -> None:
    """Raise DataError where a table has column names only."""
    if rows == 0:
        raise DataError("The table has no rows.")
