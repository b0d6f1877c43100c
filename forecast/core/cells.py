"""Faults of a table or a request body, one place each."""

from dataclasses import dataclass

MOST_ERRORS = 10
"""How many faults of one kind are listed one by one."""


@dataclass(frozen=True, slots=True)
class CellError:
    """One fault in a table or a request body: where it is and what is wrong with it.

    `row` counts the rows of data from 1; the header is not one of them.
    """

    message: str
    column: str | None = None
    row: int | None = None
    field: str | None = None
