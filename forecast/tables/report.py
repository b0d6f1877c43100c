"""The answer about a table."""

from collections.abc import Collection, Mapping, Sequence

from forecast.core.parameters import Role
from forecast.core.series.calendar import season_length
from forecast.tables.calendar import Calendar
from forecast.tables.facts import Facts
from forecast.tables.gaps import measure_holes
from forecast.tables.problems import Problems
from forecast.tables.schemas import (
    CheckedColumn,
    CheckedSeries,
    CheckedTable,
    KeptTable,
)
from forecast.tables.sheet import Sheet, find_spans
from forecast.tables.writing import write_cells, write_head, write_source, write_stamps


def write_report(
    columns: Sequence[Facts],
    roles: Mapping[str, Role],
    sheet: Sheet | None,
    calendar: Calendar | None,
    problems: Problems,
    given: Collection[str] | None,
) -> CheckedTable:
    """Return the answer, before the table is kept and its sheet is named.

    `given` are the columns whose roles the caller gave, None where all are to be guessed.
    """
    names = [facts.name for facts in columns]
    cells = write_source(columns) if sheet is None else write_cells(sheet, names)
    series = [] if sheet is None else _series(sheet, calendar)
    return CheckedTable(
        path=None,
        rows=len(columns[0].codes),
        sheets=[],
        sheet=None,
        columns=[
            CheckedColumn(
                name=facts.name,
                kind="date" if roles.get(facts.name) == "timestamp" else facts.kind,
                missing=facts.missing,
                distinct=facts.distinct,
                role=roles.get(facts.name),
                guessed=given is None or (facts.name in roles and facts.name not in given),
            )
            for facts in columns
        ],
        data_definition=dict(roles),
        freq=calendar.freq if calendar else None,
        season_length=season_length(calendar.freq) if calendar else None,
        series_count=len(series),
        series=series,
        problems=problems.told,
        settled=problems.settled,
        table=KeptTable(columns=cells),
        head=KeptTable(columns=write_head(columns)),
    )


def _series(sheet: Sheet, calendar: Calendar | None) -> list[CheckedSeries]:
    holes = measure_holes(sheet, calendar)
    stamps = write_stamps(sheet.stamps)
    found = []
    for span in find_spans(sheet):
        hole = holes.get(span.name)
        known = hole is not None
        found.append(
            CheckedSeries(
                unique_id=span.name,
                steps=span.last + 1 - span.first + hole.steps if hole else 0,
                start=stamps[span.first] if known else None,
                end=stamps[span.last] if known else None,
                future_steps=span.stop - span.last - 1 if known else 0,
                missing_steps=hole.steps if hole else 0,
                empty_targets=hole.empty if hole else 0,
            )
        )
    return found
