"""What a run computes, cut into parts: the seam between runs and whoever hands the parts out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, Self

from sqlalchemy import Connection

from forecast.runs.outcome import Item

Kind = Literal["forecast", "inference"]
"""What was asked: items of a dataset by name, or the series of a table that came with the request."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks which model for what; `body` is that of `/forecast`, or of `/inference` without a model."""

    kind: Kind
    client_id: str
    user_id: str
    model_id: str
    body: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can keep of it, which is all."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Return the ask that `to_json` wrote."""
        return cls(**{field.name: kept[field.name] for field in fields(cls)})


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What computing one part needs beside the ask; `content` is for `Work.compute` alone."""

    number: int
    items: int
    content: bytes


@dataclass(frozen=True, slots=True, eq=False)
class PartResult:
    """The items of a part in their order, those that failed among them."""

    rows: list[Item]
    version: str | None = None
    """Which weights and which version of the library made the forecasts."""
    seconds: float = 0.0
    """How long that took."""

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self.rows)

    @property
    def failed(self) -> int:
        """How many of them have no forecast."""
        return sum(item.error is not None for item in self.rows)


class Work(Protocol):
    """Computes runs and keeps them; every method blocks, and so is for threads."""

    def split(self, ask: Ask, most_items: int) -> list[Part]:
        """Return the parts of the work, each of at most so many items where it can be cut.

        Checks the whole ask, and reads the table of an inference: raises their 4xx errors.
        """

    def divide(self, ask: Ask, part: Part, first_items: int, most_items: int) -> list[Part]:
        """Return the parts of a part, numbered from 0, each of at most so many items where it can be cut.

        The first has its own limit. Together they give the same forecasts, in the same places of the run.
        """

    def compute(self, ask: Ask, part: Part, cancelled: Callable[[], bool]) -> PartResult:
        """Return the forecasts of a part; items that fail are among them.

        Raises SapheneiaError where the part as a whole cannot be computed, AbandonedError where it was
        cancelled meanwhile. Computing a part again gives the same numbers.
        """

    def open_run(self, connection: Connection, ask: Ask, items: int, job_id: str | None) -> str:
        """Write down a run that begins, and return its ID."""

    def keep(self, run_id: str, part: Part, result: PartResult) -> Callable[[Connection], None]:
        """Return what writes down the items and forecasts of a part, in the transaction of its connection."""

    def close_run(
        self, connection: Connection, run_id: str, status: str, error: Mapping[str, Any] | None
    ) -> None:
        """Write down how a run ended: `succeeded`, `failed` or `cancelled`."""


def cut_places(count: int, first_items: int, most_items: int) -> list[slice]:
    """Return where the parts of so many items lie, of which the first has its own limit."""
    begin = min(first_items, count)
    return [slice(0, begin), *(slice(at, at + most_items) for at in range(begin, count, most_items))]
