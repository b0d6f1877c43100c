"""The problems of a table, and what is done about each."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.tables.schemas import Code, Repairs, TableProblem

MOST_ROWS = 20
NOTHING_LEFT = "No row of the table is left to forecast from."
FILE_REPAIRS: dict[Code, tuple[str, ...]] = {"encoding": ("windows_1252",), "title_row": ("skip",)}
"""What can be done about the faults of a file."""
_HARMLESS = ("hours_apart", "thousands", "too_short", "incomplete_last", "constant")
_LONGEST_VALUE = 80


class Problems:
    """The problems that were met: those that are told, and those settled by the repair that was asked for."""

    def __init__(self, repairs: Repairs | None) -> None:
        self.told: list[TableProblem] = []
        self.settled: list[TableProblem] = []
        self._asked = (repairs or Repairs()).model_dump(exclude_none=True)

    @property
    def blocking(self) -> bool:
        """Whether an inference would refuse the table."""
        return any(problem.blocking for problem in self.told)

    def asked(self, code: Code) -> str | None:
        """Return the repair that was asked for."""
        return cast("str | None", self._asked.get(code))

    def meet(
        self,
        code: Code,
        message: str,
        *,
        column: str | None = None,
        rows: NDArray[np.int64] | Sequence[int] = (),
        count: int | None = None,
        repairs: Sequence[str] = (),
    ) -> str | None:
        """Return the repair to go on with; without one that was asked for the problem is told.

        It is then the first of those offered, so that all that comes after is found at once. Rows without a
        place in the source are 0 and not told.
        """
        asked = self.asked(code)
        settled = asked is not None and asked in repairs
        shown = sorted({int(row) for row in rows} - {0})[:MOST_ROWS]
        (self.settled if settled else self.told).append(
            TableProblem(
                code=code,
                message=message,
                column=column,
                rows=shown,
                count=len(rows) if count is None else count,
                blocking=not settled and code not in _HARMLESS,
                repairs=list(repairs),
            )
        )
        if settled:
            return asked
        return repairs[0] if repairs else None


def quote(value: object) -> str:
    """Return a cell as a message shows it."""
    text = str(value)
    return f"'{text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}'"


def tell_date(stamp: pd.Timestamp) -> str:
    """Return a date as a message shows it, the time of day only where it is not midnight."""
    return stamp.isoformat(sep=" ").removesuffix(" 00:00:00")


def say(count: int, one: str, many: str | None = None) -> str:
    """Return a number and its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"
