"""The public holidays of countries and of their parts, by the library `holidays`."""

import difflib
import warnings
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.core.errors import RequestError
from forecast.core.schemas import nearest

Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class KnownHolidays:
    """The holidays of some years as days, ascending, and the first and last year that any are known of."""

    days: Days
    since: int
    until: int


def check_place(country: str, part: str | None) -> None:
    """Raise RequestError, offering the nearest, where the holidays of a country or its part are not known.

    A country is named by its ISO 3166 code of two letters, a part by what the code of the part adds to it.
    """
    countries = _countries()
    if country not in countries:
        raise RequestError(
            f"There are no holidays of a country '{country}' ({_nearest_country(country)}).",
            details={"countries": sorted(countries)},
        )
    parts = countries[country]
    if part is not None and part not in parts:
        hint = nearest(part.upper(), parts) if parts else "its holidays are those of the whole country"
        raise RequestError(
            f"The country '{country}' has no part '{part}' with holidays of its own ({hint}).",
            details={"parts": parts},
        )


@lru_cache(maxsize=64)
def find_holidays(country: str, part: str | None, first: int, last: int) -> KnownHolidays:
    """Return the public holidays of the years from first to last, of a place that check_place lets pass."""
    import holidays

    # The library says so of some holidays of a country, known for fewer years than its others.
    warnings.filterwarnings("ignore", message="Requested Holidays are available only from")
    place: Any = holidays.country_holidays(country, subdiv=part, expand=False)
    since, until = place.start_year, place.end_year
    years = range(max(first, since), min(last, until) + 1)
    found = holidays.country_holidays(country, subdiv=part, years=years, expand=False) if years else ()
    return KnownHolidays(np.array(sorted(found), dtype="datetime64[D]"), since, until)


@cache
def _countries() -> dict[str, list[str]]:
    import holidays

    known: dict[str, list[str]] = holidays.list_supported_countries(include_aliases=False)
    return known


def _nearest_country(word: str) -> str:
    """Return a clause with the code of the country that another code or a name stands for, or all codes."""
    from holidays.registry import COUNTRIES

    codes = {
        _plain(other): code for name, (_, code, *more) in COUNTRIES.items() for other in (name, code, *more)
    }
    # Short words resemble too many codes.
    close = difflib.get_close_matches(_plain(word), codes, n=1, cutoff=1.0 if len(word) <= 3 else 0.6)
    return f"did you mean '{codes[close[0]]}'?" if close else f"known: {', '.join(sorted(_countries()))}"


def _plain(word: str) -> str:
    return "".join(filter(str.isalnum, word.lower()))
