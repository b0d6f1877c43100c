"""Many names, of which a page is shown."""

from collections.abc import Mapping, Sequence
from typing import Any

_PAGE = 20


def choose_from(names: Sequence[str], wanted: str, number: int) -> Mapping[str, Any]:
    """Return a page of the names that have what is wanted, by the words that templates know it by."""
    wanted = wanted.strip()
    found = [one for one in names if wanted.casefold() in one.casefold()]
    pages = max(1, -(-len(found) // _PAGE))
    page = min(max(number, 1), pages)
    return {
        "q": wanted,
        "found": found[(page - 1) * _PAGE : page * _PAGE],
        "matches": len(found),
        "page": page,
        "pages": pages,
    }
