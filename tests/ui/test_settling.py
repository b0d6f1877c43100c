"""What a visitor decides about a table: roles, repairs, the sheet."""

import re

from tests.ui.conftest import CHECK, Visitor, upload
from tests.ui.fakes import MONTHLY, SAMPLE, FakeGateway, make_problem, refuse


def test_decisions_are_read_again_and_the_part_is_renewed(visitor: Visitor, gateway: FakeGateway) -> None:
    address = visitor.bring()
    visitor.get(address)
    fields = {"role-0": "timestamp", "role-1": "target", "freq": "MS", "repair-gaps": "ffill"}

    part = visitor.post_htmx(address, **fields)
    whole = visitor.post(address, **fields)

    assert part.status_code == 200
    assert "<html" not in part.text
    assert "Settled: repeat the value before" in part.text
    assert (whole.status_code, whole.location) == (303, address)
    assert gateway.bodies(CHECK)[-1] == {
        "data_source_url_or_path": SAMPLE["path"],
        "data_definition": {"month": "timestamp", "sales": "target"},
        "freq": "MS",
        "repairs": {"gaps": "ffill"},
        "keep": False,
    }


def test_a_wrong_decision_is_told_where_the_mistake_is_and_changes_nothing(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    address = visitor.bring()
    visitor.get(address)
    gateway.refusals[CHECK] = [
        refuse(422, "REQUEST_INVALID", "Unknown frequency 'X'.", errors=[{"message": "bad", "field": "freq"}])
    ]

    both = visitor.post_htmx(address, **{"role-0": "target", "role-1": "target"})
    freq = visitor.post_htmx(address, **{"role-1": "target", "freq": "X"})

    assert both.status_code == freq.status_code == 422
    for answer, column in ((both, "sales"), (freq, "freq")):
        assert answer.headers["HX-Retarget"] == "#problem"
        assert f'data-column="{column}"' in answer.text
        assert "<html" not in answer.text
    assert 'value="timestamp" selected' in visitor.get(address).text


def test_problems_are_listed_with_their_rows_and_what_can_be_done(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    repairs = ["decimal_comma", "thousands_comma", "empty", "drop_row", "drop_series", "of_a_later_version"]
    gateway.report = {
        **MONTHLY,
        "problems": [make_problem("not_a_number", rows=[2, 5], count=9, repairs=repairs)],
    }

    text = visitor.get(visitor.bring()).text

    assert "Rows 2, 5 and 7 more" in text
    assert "To be settled:" in text
    offered = dict(re.findall(r'<option value="(\w+)">([^<]*)</option>', text))
    assert all(offered[repair] for repair in repairs)
    assert offered["decimal_comma"] == "Read 1.234,5 as 1234.5"
    assert 'id="history"' not in text


def test_every_repair_of_a_file_has_words(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.report = {
        **MONTHLY,
        "problems": [
            make_problem("encoding", repairs=["windows_1252"]),
            make_problem("title_row", repairs=["skip"]),
            make_problem("ambiguous_date", repairs=["day_first", "month_first"]),
        ],
    }

    text = visitor.get(visitor.bring(**upload(b"Gr\xf6\xdfe;1"))).text

    assert '<option value="windows_1252">Read it as Windows-1252 (Western Europe)</option>' in text
    assert '<option value="day_first">Read the day first: 01/02 is February 1st</option>' in text
    assert '<option value="month_first">Read the month first: 01/02 is January 2nd</option>' in text
    assert '<option value="skip">Leave out what stands above the names</option>' in text
    assert b"Gr\xf6\xdfe;1" in next(iter(gateway.uploads.values()))


def test_another_sheet_is_chosen_and_read_afresh(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.report = {**MONTHLY, "sheets": ["Notes", "Sales"], "sheet": "Sales"}
    address = visitor.bring()

    assert '<option value="Sales" selected>Sales</option>' in visitor.get(address).text
    fields = {"role-0": "timestamp", "role-1": "target", "freq": "MS", "repair-gaps": "ffill"}
    visitor.post_htmx(address, **fields, sheet="Sales")
    visitor.post_htmx(address, **fields, sheet="Notes")

    same, another = gateway.bodies(CHECK)[-2:]
    assert (same["sheet"], same["freq"], same["repairs"]) == ("Sales", "MS", {"gaps": "ffill"})
    assert another == {"data_source_url_or_path": SAMPLE["path"], "sheet": "Notes", "keep": False}


def test_a_file_of_one_sheet_has_none_to_choose(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.report = {**MONTHLY, "sheets": ["Sales"], "sheet": "Sales"}

    assert 'name="sheet"' not in visitor.get(visitor.bring()).text


def test_what_was_settled_names_columns_and_counts(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.report = {
        **MONTHLY,
        "settled": [
            make_problem("gaps", column="month", count=2),
            make_problem("gaps", column="sales", count=1),
            make_problem("duplicates", column="month", count=4),
        ],
    }
    address = visitor.bring()
    visitor.get(address)
    fields = {
        "role-0": "timestamp",
        "role-1": "target",
        "repair-gaps": "ffill",
        "repair-empty_id": "drop_row",
    }

    text = visitor.post_htmx(address, **fields).text

    assert "Settled: repeat the value before (month, 2 missing rows; sales, 1 cell)</label>" in text
    assert "Settled: leave these rows out</label>" in text


def test_the_first_rows_are_those_of_the_source_while_something_is_to_be_settled(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    head = {"columns": {"month": ["1/24"], "sales": ["1,005"]}}
    gateway.report = {**MONTHLY, "head": head, "problems": [make_problem("not_a_number", rows=[1])]}
    before = visitor.get(visitor.bring()).text
    gateway.report = {**MONTHLY, "head": head}
    settled = visitor.get(visitor.bring()).text

    assert "The first rows, as they stand in the source" in before
    assert "<td>1/24</td><td>1,005</td>" in before
    assert before.count("Rows are counted below the names of the columns.") == 1
    assert "1,005" not in settled
    assert "Rows are counted" not in settled
