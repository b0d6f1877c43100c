"""What the routes of history do, in a thread and one transaction each."""

from collections.abc import Sequence
from dataclasses import dataclass

from forecast.core.answer import write_dates
from forecast.core.cells import MOST_ERRORS
from forecast.core.data.table import MOST_CELLS
from forecast.core.errors import NotFoundError, RequestError
from forecast.core.schemas import printable
from forecast.database.connection import Database
from forecast.history.bodies import SentTable
from forecast.history.columns import OWN
from forecast.history.datasets import Dataset, find_dataset
from forecast.history.frames import write_frame
from forecast.history.items import Items, find_items
from forecast.history.reading import read_frame
from forecast.history.schemas import SeriesWritten
from forecast.history.stamps import read_bounds
from forecast.history.writing import Written, read_table, write_sent


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows of a dataset are asked for; None is all."""

    dataset: str
    item_ids: Sequence[str] | None
    since: str | None
    until: str | None


def write_series(database: Database, client_id: str, table: SentTable) -> SeriesWritten:
    """Write a table into a client's dataset and tell what that did."""
    read = table.read()
    with database.read() as connection:
        sent = read_table(connection, client_id, table.dataset, read, table.told)
    # Nobody else writes while this does, so all else is done before.
    with database.write() as connection:
        return _tell(write_sent(connection, client_id, table.dataset, sent))


def read_series(database: Database, client_id: str, span: Span, media: str) -> bytes:
    """Return rows of a client's dataset as one of the formats.

    Raises NotFoundError where the dataset or an item is not there, RequestError where the rows are too many
    for one answer.
    """
    with database.read() as connection:
        dataset = find_dataset(connection, client_id, span.dataset)
        chosen = find_items(connection, dataset.dataset_id, span.item_ids)
        _refuse_unknown(span.item_ids, chosen)
        _refuse_many(dataset, chosen)
        bounds = read_bounds(span.since, span.until, zoned=bool(dataset.zoned), timezone=dataset.timezone)
        frame = read_frame(connection, dataset, chosen, *bounds)
    return write_frame(frame, media)


def _refuse_unknown(asked: Sequence[str] | None, chosen: Items) -> None:
    unknown = sorted(set(asked or ()) - set(chosen.ids))
    if unknown:
        told = ", ".join(f"'{printable(name)}'" for name in unknown[:MOST_ERRORS])
        raise NotFoundError(f"The dataset has no item {told}.", details={"unknown": unknown[:MOST_ERRORS]})


def _refuse_many(dataset: Dataset, chosen: Items) -> None:
    cells = int(chosen.rows.sum()) * (len(OWN) + len(dataset.covariates))
    if cells > MOST_CELLS:
        raise RequestError(
            f"These items have {cells} cells; the limit of an answer is {MOST_CELLS}. Ask for fewer items"
            " at a time."
        )


def _tell(done: Written) -> SeriesWritten:
    first, last = write_dates(done.ends)
    return SeriesWritten(
        dataset=done.dataset,
        rows=done.inserted + done.updated + done.unchanged,
        inserted=done.inserted,
        updated=done.updated,
        unchanged=done.unchanged,
        items=done.items,
        new_items=done.new_items,
        first=first,
        last=last,
        covariates=dict(done.covariates),
        warnings=list(done.warnings),
    )
