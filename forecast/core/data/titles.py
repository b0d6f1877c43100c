"""What stands above the names of a table's columns: a title, a date of issue, an empty line."""

import re
from collections.abc import Sequence

from forecast.core.data.fault import Fault

_MOST_TITLES = 15
_SHOWN = 80
_VALUE = re.compile(r"[-+\d.,:/%€$ ]*\d[-+\d.,:/%€$ ]*")


def count_titles(rows: Sequence[Sequence[object]]) -> int:
    """Return how many of the first rows stand above the names, 0 where the first row may have them.

    The names are the first row of text alone that is as wide as the widest and has no empty cell.
    """
    width = max((len(_trim(row)) for row in rows), default=0)
    for at, row in enumerate(rows[: _MOST_TITLES + 1]):
        cells = _trim(row)
        if len(cells) < width or "" in cells:
            continue
        # A full first row has the names, whatever they are; the last one has no values below it.
        named = at + 1 < len(rows) and width > 1 and not any(map(_VALUE.fullmatch, cells))
        return at if named and not _is_index(rows[0], width) else 0
    return 0


def tell_titles(titles: Sequence[Sequence[object]]) -> Fault | None:
    """Return what is wrong with a file with these rows above its names; nothing where they are empty."""
    shown = [" ".join(cell for cell in _trim(row) if cell) for row in titles]
    shown = [text for text in shown if text]
    if not shown:
        return None
    text = shown[0] if len(shown[0]) <= _SHOWN else shown[0][:_SHOWN] + "…"
    more = f" ({len(shown)} rows in all)" if len(shown) > 1 else ""
    return Fault("title_row", f"Above the names of the columns stands '{text}'{more}.")


def _trim(row: Sequence[object]) -> list[str]:
    cells = ["" if cell is None else str(cell).strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _is_index(row: Sequence[object], width: int) -> bool:
    """Return whether only the first column has no name, as pandas writes its index."""
    cells = _trim(row)
    return len(cells) == width and not cells[0] and all(cells[1:])
