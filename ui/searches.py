"""What is searched for in a list of the gateway's, as the address of the page has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ui.errors import RequestError

_ROWS = 25
JOB_FILTERS = ("status", "model")
RUN_FILTERS = ("item_id", "model", "dataset", "status", "from", "to")
ITEM_FILTERS = ("status",)
STATUSES = {
    "pending": "Waiting",
    "running": "Running",
    "succeeded": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class Search:
    """The filters that are set, by the names they have in the page's address, and the page of the list."""

    filters: Mapping[str, str]
    cursor: str | None

    def parameters(self) -> dict[str, str]:
        """Return the query of the gateway; its days begin and end in UTC, the last one is part of it."""
        found = {name: value for name, value in self.filters.items() if name not in ("from", "to")}
        if "from" in self.filters:
            found["created_after"] = _midnight(self.filters["from"], 0)
        if "to" in self.filters:
            found["created_before"] = _midnight(self.filters["to"], 1)
        if self.cursor:
            found["cursor"] = self.cursor
        return found | {"limit": str(_ROWS)}


def read_search(given: Mapping[str, str], names: Sequence[str]) -> Search:
    """Return what an address asks for; raise RequestError where a date is none."""
    filters = {name: value for name in names if (value := given.get(name, "").strip())}
    search = Search(filters, given.get("cursor") or None)
    search.parameters()
    return search


def _midnight(text: str, days: int) -> str:
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise RequestError(f"“{text}” is no date; write one such as 2024-01-31.") from None
    return datetime.combine(day, time(), UTC).isoformat()
