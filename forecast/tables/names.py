"""What the name of a column says about its role."""

import re
from collections.abc import Sequence

DATES = (
    "date", "ds", "timestamp", "datum", "datetime", "time", "zeit", "zeitpunkt", "day", "tag", "week",
    "woche", "month", "monat", "quarter", "quartal", "year", "jahr", "period", "periode",
)  # fmt: skip
IDS = (
    "unique_id", "id", "series", "series_id", "store", "item", "shop", "product", "sku", "store_id",
    "item_id", "product_id", "location", "site", "filiale", "artikel", "produkt", "standort",
)  # fmt: skip
TARGETS = (
    "y", "target", "value", "sales", "demand", "price", "revenue", "turnover", "quantity", "qty", "units",
    "amount", "volume", "load", "consumption", "umsatz", "absatz", "menge", "wert", "verbrauch", "nachfrage",
)  # fmt: skip
PARTS_OF_DATES = (
    "year", "jahr", "quarter", "quartal", "month", "monat", "week", "woche", "day", "tag", "weekday",
    "wochentag", "dow", "hour", "stunde", "holiday", "feiertag", "weekend", "minute",
)  # fmt: skip
COUNTERS = ("id", "index", "idx", "row", "nr", "no", "number", "unnamed", "zeile", "nummer", "rownum")

_CASES = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[\W_]+")


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: `SalesDate`, `sales_date` and `Sales date` have two."""
    return [word for word in _BETWEEN.split(_CASES.sub(" ", name).lower()) if word]


def rank(name: str, known: Sequence[str]) -> int:
    """Return the place of a name among the known ones: first whole names, then words, then all others."""
    whole = "_".join(words(name))
    if whole in known:
        return known.index(whole)
    within = [known.index(word) for word in words(name) if word in known]
    return len(known) + min(within, default=len(known))


def is_named(name: str, known: Sequence[str]) -> bool:
    """Return whether a name, or a word of it, is among the known ones."""
    return rank(name, known) < 2 * len(known)
