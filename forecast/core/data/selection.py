"""What a request uses of its table, so that the rest need not be read."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecast.core.parameters import InferenceRequest, Role
from forecast.core.series.dates import named_date_column

_SPACES = tuple(mark for mark in map(chr, range(0x3001)) if mark.isspace())
# Beyond this, an integer column with empty cells no longer tells neighbours apart.
_LARGEST_INTEGER = 1 << 53
_LONGEST_INTEGER = 17


@dataclass(frozen=True, slots=True)
class Selection:
    """The columns by role and the series that are used; without roles all columns, without ids all series.

    A file is refused for what is wrong with it, or where that can be `mended` read as it was meant. Of a
    spreadsheet one `sheet` is read.
    """

    roles: Mapping[str, Role] | None = None
    covariates: bool = True
    series_ids: tuple[str, ...] | None = None
    mended: bool = False
    sheet: str | None = None

    def columns(self, names: Sequence[str], likely: Collection[str]) -> list[str]:
        """Return which of a table's columns are used, in their order.

        Where no column has the role `timestamp`, the one named as such is, or else all `likely` ones:
        those whose type may hold dates.
        """
        if self.roles is None:
            return list(names)
        used = {name for name, role in self.roles.items() if self.covariates or not role.endswith("cal")}
        if "timestamp" not in self.roles.values():
            others = [name for name in names if name not in self.roles]
            named = named_date_column(others)
            used.update([named] if named else (name for name in others if name in likely))
        return [name for name in names if name in used]

    @property
    def id_column(self) -> str | None:
        """The column of ids, where only some series are asked for."""
        if self.series_ids is None or self.roles is None:
            return None
        return next((name for name, role in self.roles.items() if role == "id"), None)


EVERYTHING = Selection()
MENDED = Selection(mended=True)


def select(request: InferenceRequest[Any]) -> Selection:
    """Return what a request uses."""
    parameters = request.parameters
    ids = None if parameters.series_ids is None else tuple(name.strip() for name in parameters.series_ids)
    return Selection(request.data_definition, parameters.use_covariates, ids)


class SoughtText:
    """Ids among text: whether one may lie between two values, spelled with space around it or not."""

    def __init__(self, ids: Collection[str]) -> None:
        # A spelling is the id, or begins with space, or with the id and space.
        self._stems = {"", *ids}
        self._marks = sorted({*ids, *(stem + space for stem in self._stems for space in _SPACES)})

    def may_lie(self, low: str, high: str) -> bool:
        """Return False only where no spelling of an id is at least `low` and at most `high`."""
        at = bisect_left(self._marks, low)
        if at < len(self._marks) and self._marks[at] <= high:
            return True
        return any(mark.isspace() and low[:at] in self._stems for at, mark in enumerate(low))


class SoughtIntegers:
    """Ids among integers."""

    def __init__(self, ids: Collection[str]) -> None:
        short = (name for name in ids if len(name) <= _LONGEST_INTEGER)
        self._values = sorted(int(name) for name in short if name.removeprefix("-").isdecimal())

    def may_lie(self, low: int, high: int) -> bool:
        """Return False only where no id is at least `low` and at most `high`."""
        if low <= -_LARGEST_INTEGER or high >= _LARGEST_INTEGER:
            return True
        at = bisect_left(self._values, low)
        return at < len(self._values) and self._values[at] <= high
