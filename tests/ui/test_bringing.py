"""How a table comes to the page: a file, a text, an address or a sample."""

import re
from typing import Any

import pytest

from tests.ui.conftest import CHECK, MakePage, Visitor, upload
from tests.ui.fakes import CSV, SAMPLE, FakeGateway, refuse

HOSTILE = "<img src=x onerror=alert(1)>"


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
