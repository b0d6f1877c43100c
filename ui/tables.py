"""A visitor's table: where it came from, what the gateway makes of it, and what the visitor decided."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ui.api_client import Gateway
from ui.earlier import leave_note
from ui.errors import GatewayError, NotFoundError
from ui.forecasts import Value
from ui.formats import plural
from ui.store import Store

_UNITS = {
    "not_a_date": "row",
    "empty_id": "row",
    "duplicates": "row",
    "off_calendar": "row",
    "no_values": "series",
}
ONLY_SERIES = "series_0"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it stands: its source, the decisions, the gateway's report and the columns it read.

    `source` is what names it in a request; `upload` the file of the visitor's that the gateway keeps.
    `definition` of None lets the gateway guess all roles.
    """

    id: str
    owner: str
    name: str
    source: Mapping[str, Any]
    upload: str | None = None
    definition: Mapping[str, str] | None = None
    freq: str | None = None
    sheet: str | None = None
    repairs: Mapping[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def roles(self) -> Mapping[str, str]:
        """The roles in force, decided or guessed."""
        found: Mapping[str, str] = self.report["data_definition"]
        return found

    @property
    def season(self) -> int:
        """Steps in a season; 1 where the frequency has none."""
        return int(self.report["season_length"] or 1)

    @property
    def known_future(self) -> int:
        """Steps ahead for which each series has its covariates; 0 where none change over time."""
        if not any(role.startswith("dynamic_") for role in self.roles.values()):
            return 0
        return min((int(one["future_steps"]) for one in self.report["series"]), default=0)

    @property
    def usual_horizon(self) -> int:
        """The steps ahead that are proposed: as far as covariates are known, else a season, or some.

        Of short series it is as many as leave enough to test a forecast of them.
        """
        usual = self.known_future or {1: 12, 7: 28}.get(self.season, self.season)
        return usual if self.longest is None or usual < self.longest else max(1, self.longest // 3)

    @property
    def longest(self) -> int | None:
        """The most known target values of a series; None where no series can be told."""
        return max(
            (sum(value is not None for value in values) for _, values in self.series().values()), default=None
        )

    @property
    def head(self) -> Mapping[str, Sequence[Any]]:
        """The first rows: of the source while something stands in the way of a forecast, else as repaired."""
        head = self.report.get("head")
        return head["columns"] if head is not None and self.blocking else self.columns

    def settled(self, code: str) -> str:
        """Return which columns a repair changed, and how much of them; nothing where it found nothing."""
        counts: dict[tuple[str, str], int] = {}
        for one in self.report.get("settled", ()):
            if one["code"] == code and one["column"] is not None:
                unit = "missing row" if code == "gaps" and one["column"] == self.column("timestamp") else None
                key = one["column"], unit or _UNITS.get(code, "cell")
                counts[key] = counts.get(key, 0) + one["count"]
        return "; ".join(f"{column}, {plural(count, unit)}" for (column, unit), count in counts.items())

    @property
    def blocking(self) -> list[Mapping[str, Any]]:
        """The problems that stand in the way of a forecast."""
        return [problem for problem in self.report["problems"] if problem["blocking"]]

    def column(self, role: str) -> str | None:
        """Return the first column of a role."""
        return next((name for name, given in self.roles.items() if given == role), None)

    def series_ids(self) -> list[str]:
        """Return the IDs of the series, in order."""
        return [str(one["unique_id"]) for one in self.report["series"]]

    def series(self) -> dict[str, tuple[list[str], list[Value]]]:
        """Return the dates and target values of each series, by ID; the target is the first one."""
        days, key, target = self.column("timestamp"), self.column("id"), self.column("target")
        if days is None or target is None or not self.columns.get(days):
            return {}
        names = self.columns[key] if key else [ONLY_SERIES] * len(self.columns[days])
        found: dict[str, tuple[list[str], list[Value]]] = {}
        for name, day, value in zip(names, self.columns[days], self.columns[target], strict=True):
            dates, values = found.setdefault(str(name), ([], []))
            dates.append(day)
            values.append(value)
        return found


class Tables:
    """The tables of all visitors; each is shown to the one who brought it."""

    def __init__(self, store: Store, gateway: Gateway) -> None:
        self._store = store
        self._gateway = gateway

    async def add(self, owner: str, name: str, source: Mapping[str, Any], upload: str | None = None) -> Table:
        """Let the gateway read a table, keep what it says, and return it."""
        try:
            table = await self._read(Table("", owner, name, source, upload))
        except GatewayError:
            # No folder would remember the file.
            if upload is not None:
                await self._gateway.forget(upload)
            raise
        kept = self._keep(replace(table, id=self._store.make("tables")))
        leave_note(self._store, "tables", kept.id, owner, name)
        return kept

    async def change(
        self,
        table: Table,
        definition: Mapping[str, str] | None,
        freq: str | None,
        repairs: Mapping[str, str],
        sheet: str | None = None,
    ) -> Table:
        """Let the gateway read a table again with these decisions, keep that, and return it."""
        decided = replace(
            table, definition=definition, freq=freq, repairs=repairs, sheet=sheet or table.sheet
        )
        return self._keep(await self._read(decided))

    def find(self, owner: str, table_id: str) -> Table:
        """Return a visitor's table; raise NotFoundError where it is not there, or another's."""
        table = Table(**self._store.read("tables", table_id, "table"))
        if table.owner != owner:
            raise NotFoundError("There is nothing here, or it was kept as long as this page keeps things.")
        return table

    async def _read(self, table: Table) -> Table:
        report = await self._gateway.read_table(request_body(table) | {"keep": False})
        columns = report.pop("table")["columns"]
        return replace(table, report=report, columns=columns)

    def _keep(self, table: Table) -> Table:
        self._store.write("tables", table.id, "table", asdict(table))
        return table


def request_body(table: Table) -> dict[str, Any]:
    """Return what the gateway is sent to read a table as it is decided to be read."""
    decided = {
        "data_definition": table.definition,
        "freq": table.freq,
        "sheet": table.sheet,
        "repairs": dict(table.repairs) or None,
    }
    return {**table.source, **{name: value for name, value in decided.items() if value is not None}}
