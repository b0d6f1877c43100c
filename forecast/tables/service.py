"""Checking a table: what it holds, what is wrong with it, and what it is once repaired."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath

from forecast.core.config import Settings
from forecast.core.data.selection import Selection
from forecast.core.data.source import fetch_table
from forecast.core.data.table import Table
from forecast.core.errors import RequestError
from forecast.core.parameters import Role
from forecast.core.series.calendar import season_length
from forecast.core.series.definition import check_roles
from forecast.tables.calendar import Calendar, drop_short, settle_calendar, settle_zone
from forecast.tables.covariates import check_covariates
from forecast.tables.facts import Facts, read_facts
from forecast.tables.gaps import fill_gaps
from forecast.tables.guess import find_date, guess_roles
from forecast.tables.holdout import hold_out
from forecast.tables.hours import tell_hours
from forecast.tables.judgement import drop_unfinished, judge_targets
from forecast.tables.order import order_rows
from forecast.tables.problems import FILE_REPAIRS, NOTHING_LEFT, Problems
from forecast.tables.reading import read_sheet
from forecast.tables.report import write_report
from forecast.tables.schemas import CheckedTable, CheckRequest
from forecast.tables.sheet import Meaning, Sheet, refuse_if_large
from forecast.tables.writing import keep_table


async def fetch(request: CheckRequest, settings: Settings, client_id: str) -> Table:
    """Return the table that a request names; the errors are those of an inference, but for what is mended."""
    selection = Selection(mended=True, sheet=request.sheet)
    source = request.data_source_url_or_path
    table = await fetch_table(source, request.data, settings, client_id, selection)
    if request.sheet is not None and not table.sheets:
        raise RequestError("Only an Excel file has a sheet to choose.")
    return table


def check_table(
    table: Table, request: CheckRequest, now: datetime, settings: Settings, client_id: str
) -> CheckedTable:
    """Return all there is to say about a table; keep it for the client, repaired, if nothing is in the way.

    Raises RequestError and DataError where the request does not fit the table.
    """
    frame = table.frame
    refuse_if_large(frame.size)
    columns = [read_facts(frame[name]) for name in frame.columns]
    given = request.data_definition
    if given is not None:
        check_roles(given, [facts.name for facts in columns])
    roles = guess_roles(columns) if given is None else _complete(columns, given)
    problems = Problems(request.repairs)
    for fault in table.faults:
        problems.meet(fault.code, fault.message, count=1, repairs=FILE_REPAIRS[fault.code])
    meaning = _read_meaning(roles, problems)
    if meaning is not None:
        tell_hours(columns, meaning, problems)
    sheet = None if meaning is None else read_sheet(frame, columns, meaning, problems)
    calendar = None
    if sheet is not None:
        sheet, calendar = _repair(sheet, request, now, problems)
        if not len(sheet.rows) and not problems.blocking:
            problems.meet("no_values", NOTHING_LEFT, count=0)
    answer = write_report(columns, roles, sheet, calendar, problems, given)
    answer.sheets, answer.sheet = list(table.sheets), table.sheet
    if request.keep and sheet is not None and not problems.blocking:
        name = _name(request.data_source_url_or_path)
        answer.path = keep_table(answer.table.columns, name, settings, client_id)
    return answer


def _name(source: str | None) -> str:
    """Return the name of the file that a table came from."""
    return "table" if source is None else PurePosixPath(source.partition("?")[0]).name


def _complete(columns: list[Facts], given: Mapping[str, Role]) -> dict[str, Role]:
    """Return the roles that a caller gave, and the dates where none is."""
    if "timestamp" in given.values():
        return dict(given)
    date = find_date([facts for facts in columns if facts.name not in given])
    return dict(given) if date is None else {date.name: "timestamp", **given}


def _read_meaning(roles: Mapping[str, Role], problems: Problems) -> Meaning | None:
    by_role = {role: name for name, role in roles.items()}
    target, timestamp = by_role.get("target"), by_role.get("timestamp")
    if target is None:
        problems.meet("no_target", "No column of numbers is the target; choose the one to forecast.", count=1)
    if timestamp is None:
        problems.meet(
            "no_date", "The table has no column of dates; choose the one that has them, or add it.", count=1
        )
        return None
    covariates = {name: role for name, role in roles.items() if role.endswith("cal")}
    return Meaning(timestamp, by_role.get("id"), target, covariates)


def _repair(
    sheet: Sheet, request: CheckRequest, now: datetime, problems: Problems
) -> tuple[Sheet, Calendar | None]:
    """Return the rows in order and as far repaired as was asked, and their calendar."""
    held_out = request.holdout or 0
    sheet = order_rows(sheet, problems)
    sheet, calendar = settle_calendar(sheet, request.freq, held_out, problems)
    if calendar is None or sheet.meaning.target is None:
        return sheet, calendar
    check_covariates(sheet, problems)
    sheet = drop_unfinished(sheet, calendar, now, problems)
    filled = fill_gaps(sheet, calendar, problems)
    # Straight lines are drawn to the value behind a gap, all other repairs look back only.
    read = sheet if problems.asked("gaps") == "interpolate" else filled
    judge_targets(filled, season_length(calendar.freq), problems)
    sheet = hold_out(drop_short(filled, held_out, problems), held_out, read)
    return settle_zone(sheet, calendar), replace(calendar, made={})
