"""Which series of a table are asked for."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecast.core.cells import MOST_ERRORS
from forecast.core.data.table import Table
from forecast.core.errors import DataError, RequestError
from forecast.core.schemas import nearest, printable
from forecast.core.series.columns import read_categories

_MOST_COMPARED = 20


def choose_series(table: Table, column: str | None, wanted: Sequence[str] | None) -> pd.DataFrame:
    """Return the rows of the series asked for, in the table's order and with its labels; None means all.

    An id is compared as it is answered: as text, without space around it, 1.0 being `1`. Raises
    RequestError where there is no column of ids, DataError naming the ids that the column has not.
    """
    frame = table.frame
    if wanted is None:
        return frame
    if column is None:
        raise RequestError("series_ids needs a column with the role 'id' in data_definition.")
    ids = pd.Series(read_categories(frame[column]), dtype=object)
    names = [name.strip() for name in wanted]
    known = set(ids.dropna())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise _unknown(column, unknown, sorted(known) if table.whole else [])
    chosen = set(names)
    # pandas' isin ends text at its first NUL.
    return frame[np.fromiter((name in chosen for name in ids), dtype=np.bool_, count=len(ids))]


def _unknown(column: str, unknown: Sequence[str], known: list[str]) -> DataError:
    told = ", ".join(f"'{printable(name)}'" for name in unknown[:MOST_ERRORS])
    more = f" and {len(unknown) - MOST_ERRORS} more" if len(unknown) > MOST_ERRORS else ""
    few = 0 < len(known) <= _MOST_COMPARED
    hint = f" ({nearest(unknown[0], known)})" if len(unknown) == 1 and few else ""
    return DataError(
        f"Column '{column}' has no series {told}{more}{hint}.",
        details={"series_ids": [printable(name) for name in unknown[:MOST_ERRORS]]},
    )
