import io
import re
from typing import Any

import pytest
from flask import Flask

from tests.ui.conftest import MakePage, Visitor
from tests.ui.fakes import (
    CSV,
    MONTHLY,
    MONTHS,
    SAMPLE,
    VALUES,
    Columns,
    FakeGateway,
    make_problem,
    make_report,
    refuse,
)

HOSTILE = "<img src=x onerror=alert(1)>"
CHECK = "POST /api/v1/tables"


def upload(content: bytes, name: str = "sales.csv") -> dict[str, Any]:
    return {"file": (io.BytesIO(content), name)}


def test_the_start_asks_for_a_table_and_offers_the_samples(visitor: Visitor) -> None:
    answer = visitor.get("/")

    assert answer.status_code == 200
    assert "Airline passengers" in answer.text
    assert "12 rows" in answer.text
    assert answer.text.count('name="csrf_token"') == 4


def test_the_start_stands_without_the_gateway(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.down = True

    answer = visitor.get("/")

    assert answer.status_code == 200
    assert "Or try a sample" not in answer.text


@pytest.mark.parametrize(
    ("fields", "source", "name"),
    [
        (upload(CSV.encode()), "data/uploads/table-000000000000.csv", "sales.csv"),
        ({"text": CSV}, "data/uploads/table-000000000000.csv", "pasted.csv"),
        (
            {"url": " https://example.org/data/sales.csv?v=1 "},
            "https://example.org/data/sales.csv?v=1",
            "sales.csv",
        ),
        ({"url": "HTTPS://example.org"}, "HTTPS://example.org", "HTTPS://example.org"),
        ({"sample": SAMPLE["path"]}, SAMPLE["path"], "airline-passengers.csv"),
    ],
)
def test_each_way_of_bringing_a_table_leads_to_its_page(
    visitor: Visitor, gateway: FakeGateway, fields: dict[str, Any], source: str, name: str
) -> None:
    address = visitor.bring(**fields)

    assert re.fullmatch(r"/tables/[0-9a-f]{32}", address)
    assert gateway.bodies(CHECK) == [{"data_source_url_or_path": source, "keep": False}]
    assert f"<h1>{name}</h1>" in visitor.get(address).text


def test_what_was_brought_reaches_the_gateway_as_it_is(visitor: Visitor, gateway: FakeGateway) -> None:
    visitor.bring(**upload(b"\xef\xbb\xbfa,b\r\n1,2\r\n"))
    visitor.bring(text="ä\tb\n1\t2\n")

    first, second = gateway.uploads.values()
    assert b'filename="sales.csv"' in first
    assert b"\xef\xbb\xbfa,b\r\n1,2\r\n" in first
    assert "ä\tb\n1\t2\n".encode() in second


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({}, 422, "Choose a file, paste a table, give an address or pick a sample."),
        ({"text": "  \n"}, 422, "Choose a file, paste a table, give an address or pick a sample."),
        (upload(b"", ""), 422, "Choose a file, paste a table, give an address or pick a sample."),
        ({"url": "file:///etc/passwd"}, 422, "An address begins with http:// or https://."),
        ({"url": "data/uploads/of-another.csv"}, 422, "An address begins with http:// or https://."),
        ({"sample": "data/uploads/of-another.csv"}, 404, "There is no such sample."),
        ({"sample": "s3://bucket/key"}, 404, "There is no such sample."),
    ],
)
def test_what_is_no_table_is_told_in_a_sentence(
    visitor: Visitor, gateway: FakeGateway, fields: dict[str, Any], status: int, sentence: str
) -> None:
    answer = visitor.post("/tables", **fields)

    assert answer.status_code == status
    assert sentence in answer.text
    assert gateway.bodies(CHECK) == []


def test_a_file_that_the_gateway_refuses_is_told_with_its_rows(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    places = [{"message": f"{HOSTILE} is not a number", "column": HOSTILE, "row": 7, "field": None}]
    gateway.refusals["POST /api/v1/uploads"] = [
        refuse(400, "DATA_INVALID", f"Data error: {HOSTILE}", errors=places)
    ]

    answer = visitor.post("/tables", **upload(b"x"))

    assert answer.status_code == 400
    assert "The forecasting service refused" in answer.text
    assert "<strong>&lt;img src=x onerror=alert(1)&gt;</strong>, row 7:" in answer.text
    assert HOSTILE not in answer.text


def test_a_file_that_is_too_large_is_a_sentence(make_page: MakePage, gateway: FakeGateway) -> None:
    visitor = Visitor(make_page(max_upload_size=1000))

    visitor.get("/")

    answer = visitor.client.post(
        "/tables", data=b"x" * 1_001_001, content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code == 413
    assert "The file is larger than this page takes." in answer.text
    assert gateway.bodies(CHECK) == []


def test_a_large_table_can_be_pasted(make_page: MakePage, gateway: FakeGateway) -> None:
    visitor = Visitor(make_page(max_upload_size=2_000_000))

    visitor.get("/")
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = part.format("csrf_token", visitor.token) + part.format("text", "a,b\n" + "1,2\n" * 400_000)
    kind = "multipart/form-data; boundary=x"
    answer = visitor.client.post("/tables", data=f"{body}--x--\r\n".encode(), content_type=kind)

    assert answer.status_code == 303
    assert len(next(iter(gateway.uploads.values()))) > 1_600_000


def test_the_page_of_a_table_shows_guesses_models_and_values(visitor: Visitor) -> None:
    text = visitor.get(visitor.bring()).text

    assert '<option value="target" selected>Target (forecast this) (guess)</option>' in text
    assert "12 rows, 1 series, one row a month, a season of 12 months" in text
    assert 'value="ets"' in text
    assert "430 MB of memory" in text
    assert "bands up to 80%" in text
    assert "<td>2024-01-01</td><td>10</td>" in text


def test_a_table_is_shown_to_nobody_else(page: Flask, visitor: Visitor) -> None:
    address = visitor.bring()
    stranger = Visitor(page)

    assert visitor.get(address).status_code == 200
    assert stranger.get(address).status_code == 404
    assert stranger.get(f"{address}/chart").status_code == 404
    assert stranger.post(address).status_code == 404
    assert stranger.post(f"{address}/runs", models=["ets"], horizon="3").status_code == 404


def test_hostile_names_and_cells_are_shown_letter_for_letter(visitor: Visitor, gateway: FakeGateway) -> None:
    columns: Columns = {"month": list(MONTHS), HOSTILE: list(VALUES), "note": [HOSTILE] * 12}
    gateway.report = make_report(
        columns,
        {"month": "timestamp", HOSTILE: "target"},
        [make_problem("gaps", message=f"Column '{HOSTILE}' has gaps.", blocking=False, repairs=[HOSTILE])],
    )
    address = visitor.bring(**upload(b"x", f"{HOSTILE}.csv"))

    text = visitor.get(address).text

    assert HOSTILE not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") > 10
    figure = visitor.get(f"{address}/chart")
    assert figure.mimetype == "application/json"
    assert HOSTILE not in figure.text


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


def test_a_table_without_series_tells_its_rows_only(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.report = {**MONTHLY, "freq": None, "season_length": None, "series_count": 0, "series": []}

    text = visitor.get(visitor.bring()).text

    assert "<p>12 rows.</p>" in text


def test_the_chart_of_a_table_is_that_of_the_series_asked_for(visitor: Visitor, gateway: FakeGateway) -> None:
    columns: Columns = {
        "month": MONTHS[:2] * 2,
        "shop": ["a", "a", "b", "b"],
        "sales": [1.0, 2.0, 3.0, None],
    }
    gateway.report = make_report(columns, {"month": "timestamp", "shop": "id", "sales": "target"})
    address = visitor.bring()

    assert visitor.get(f"{address}/chart").json["data"][0]["y"] == [1.0, 2.0]  # type: ignore[index]
    assert visitor.get(f"{address}/chart?series=b").json["data"][0]["y"] == [3.0, None]  # type: ignore[index]
    assert visitor.get(f"{address}/chart?series=c").status_code == 404


def test_a_gateway_that_is_down_is_told_and_the_page_comes_back_by_itself(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    address = visitor.bring()
    gateway.down = True

    shown, sent = visitor.get(address), visitor.post("/tables", text=CSV)

    assert (shown.status_code, shown.headers["Refresh"]) == (503, "5")
    assert "The forecasting service does not answer." in shown.text
    assert (sent.status_code, "Refresh" in sent.headers) == (503, False)
    gateway.down = False
    assert visitor.get(address).status_code == 200


def test_the_horizon_is_preset_to_what_is_known_of_the_covariates(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    columns: Columns = {"month": MONTHS, "price": VALUES, "sales": VALUES}
    roles = {"month": "timestamp", "price": "dynamic_numerical", "sales": "target"}
    gateway.report = make_report(columns, roles, future_steps=8)

    text = visitor.get(visitor.bring()).text

    assert "the future of covariates is known for 8 months" in text
    assert re.search(r'id="horizon"[^>]* value="8"', text)
    assert "Covariates are known for 8 months ahead. Beyond that the last known value is repeated" in text
