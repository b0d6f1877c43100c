import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.fakes import AHEAD, MONTHS, VALUES, make_answer
from ui.forecasts import Forecast, read_answer
from ui.visualization import draw_forecasts, draw_history, escape_markup

ASKED = {"horizon_len": 3, "quantile_levels": [0.05, 0.25, 0.5, 0.75, 0.95]}


def layer(model: str = "ets") -> Forecast:
    return read_answer(model, make_answer(ASKED))[0]


def lines(figure: dict[str, Any]) -> list[dict[str, Any]]:
    return [trace for trace in figure["data"] if "band" not in trace["meta"]]


def edges(figure: dict[str, Any], role: str) -> list[dict[str, Any]]:
    return [trace for trace in figure["data"] if trace["meta"]["role"] == role and "band" in trace["meta"]]


def test_a_history_is_one_line_with_gaps_left_open() -> None:
    figure = draw_history(["2024-01-01", "2024-02-01"], [1.0, None], "sales")

    (line,) = figure["data"]
    assert (line["x"], line["y"], line["name"]) == (["2024-01-01", "2024-02-01"], [1.0, None], "sales")
    assert line["connectgaps"] is False
    assert line["meta"] == {"role": "history"}
    assert figure["layout"]["yaxis"]["title"]["text"] == "sales"
    assert figure["layout"]["shapes"] == []


def test_a_single_value_is_a_point() -> None:
    assert draw_history(["a", "b"], [1.0, None], "y")["data"][0]["mode"] == "lines+markers"
    assert draw_history(["a", "b"], [1.0, 2.0], "y")["data"][0]["mode"] == "lines"


def test_each_model_has_a_line_and_the_context_is_drawn_once() -> None:
    figure = draw_forecasts("sales", [layer(), layer("deep")])

    assert [(line["name"], line["meta"]["role"]) for line in lines(figure)] == [
        ("History", "history"),
        ("ets", "model-0"),
        ("deep", "model-1"),
    ]
    history, first, _ = lines(figure)
    assert (history["x"], history["y"]) == (list(MONTHS), list(VALUES))
    assert (first["x"], first["y"]) == (list(AHEAD[:3]), [18.0, 18.0, 18.0])


def test_bands_are_nested_the_widest_first_and_each_fills_down_to_its_lower_edge() -> None:
    found = edges(draw_forecasts("sales", [layer()]), "model-0")

    assert [(edge["meta"]["band"], edge.get("fill"), edge["y"][0]) for edge in found] == [
        (None, None, 13.5),
        (0.9, "tonexty", 22.5),
        (None, None, 15.5),
        (0.5, "tonexty", 20.5),
    ]
    assert [edge["showlegend"] for edge in found] == [False, True, False, False]
    assert found[1]["name"] == "ets bands (90%, 50%)"


def test_the_bands_of_all_models_but_the_first_wait_in_the_legend() -> None:
    figure = draw_forecasts("sales", [layer(), layer("deep")])

    assert {edge["visible"] for edge in edges(figure, "model-0")} == {True}
    assert {edge["visible"] for edge in edges(figure, "model-1")} == {"legendonly"}
    assert {edge["legendgroup"] for edge in edges(figure, "model-1")} == {"deep bands"}


def test_what_happened_is_drawn_where_it_is_known() -> None:
    figure = draw_forecasts("sales", [replace(layer(), actual=[19.0, None, 20.0])])

    actual = lines(figure)[-1]
    assert (actual["name"], actual["x"], actual["y"]) == ("Actual", list(AHEAD[:3]), [19.0, None, 20.0])
    assert actual["meta"] == {"role": "actual"}


def test_the_cutoff_is_marked_at_the_end_of_the_context() -> None:
    (line,) = draw_forecasts("sales", [layer()])["layout"]["shapes"]

    assert (line["x0"], line["x1"], line["name"]) == ("2024-12-01", "2024-12-01", "cutoff")


@pytest.mark.parametrize("hostile", ["<img src=x onerror=alert(1)>", "<b>bold</b>", "a & b"])
def test_names_are_shown_letter_for_letter(hostile: str) -> None:
    for figure in (draw_history(["a"], [1.0], hostile), draw_forecasts(hostile, [layer(hostile)])):
        text = json.dumps([figure["layout"]["yaxis"], [trace["name"] for trace in figure["data"]]])
        assert hostile not in text
        assert escape_markup(hostile) in text


@given(st.text())
def test_no_name_leaves_a_sign_of_markup(name: str) -> None:
    shown = escape_markup(name)

    assert not {"<", ">"} & set(shown)
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == name
