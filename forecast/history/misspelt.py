"""Names that are nearly those of columns that are known."""

import difflib
from collections.abc import Sequence

# Nearer than `nearest` asks for: columns of one family, as temp_min and temp_max, are no slips of the pen.
_NEARLY_THE_SAME = 0.8


def find_meant(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that another is nearly, None where there is none."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=_NEARLY_THE_SAME)
    return close[0] if close else None
