"""History as a forecast takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from forecast.core.parameters import Missing, Role
from forecast.history.columns import VALUE


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Observations of items as a table, rows by item and then time, and what is to be known to forecast it.

    `frame` has `item_id` (categories), `timestamp`, `value` and a column for each covariate; `roles` has the
    role of each of these columns. `missing`, `freq` and `timezone` are the dataset's. `calendar` names the
    covariates to make of the dates (`add_calendar`); `flags` has those that the frame has columns of, by
    column, whose empty cells the calendar tells: of all items where the dataset says so (`flags_told`), else
    of those whose own cells show it, the others being `strange`. `as_of` is the stamp of the last
    change in the dataset, `changed` has that of each item. `value_column` is what the client calls the
    column of values.
    """

    frame: pd.DataFrame
    roles: dict[str, Role]
    missing: Missing
    freq: str | None
    timezone: str | None
    calendar: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    flags_told: bool = True
    strange: frozenset[str] = frozenset()
    as_of: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)
    value_column: str = VALUE
