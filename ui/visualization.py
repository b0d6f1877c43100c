"""Series and forecasts as Plotly figures: pure functions from numbers to JSON.

Colours are given by role (`meta.role`: history, actual, model-0, …); the page's script replaces them by those
of the light or the dark style, so a figure is the same for everybody.
"""

from collections.abc import Sequence
from typing import Any

from ui.forecasts import Forecast, Value

HISTORY, ACTUAL, CUTOFF = "history", "actual", "cutoff"
# The tools stand above the plot: over it they would hide the forecast.
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 44, 40
_HORIZONS_SHOWN = 6
"""How many horizons of history are in view at first; the rest is a double click away."""


def draw_history(dates: Sequence[str], values: Sequence[Value], name: str) -> dict[str, Any]:
    """Return the figure of one series as it is known: shapes `dates` and `values` (n,)."""
    return {"data": [_line(dates, values, name, HISTORY)], "layout": _layout(name)}


def draw_forecasts(target: str, layers: Sequence[Forecast]) -> dict[str, Any]:
    """Return the figure of one series: its context once, each model's line and bands, and the actual values.

    The bands of a model lie over each other, the widest first; those of all models but the first are hidden
    until the legend is clicked.
    """
    first = layers[0]
    traces = [_line(first.dates, first.history, "History", HISTORY)] if first.dates else []
    for number, layer in enumerate(layers):
        traces += _fan(layer, f"model-{number}", shown=number == 0)
        traces += _single_levels(layer, f"model-{number}", shown=number == 0)
        traces.append(
            _line(layer.future, layer.point, layer.model, f"model-{number}", width=2.5, group=layer.model)
        )
    if any(value is not None for value in first.actual):
        traces.append(_line(first.future, first.actual, "Actual", ACTUAL, dash="dot"))
    layout = _layout(target, cutoff=first.dates[-1] if first.dates else None)
    shown = _HORIZONS_SHOWN * len(first.future)
    if len(first.dates) > shown:
        layout["xaxis"]["range"] = [first.dates[-shown], first.future[-1]]
    return {"data": traces, "layout": layout}


def _line(
    dates: Sequence[str],
    values: Sequence[Value],
    name: str,
    role: str,
    **style: Any,
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if sum(value is not None for value in values) == 1 else "lines",
        "name": escape_markup(name),
        "x": list(dates),
        "y": list(values),
        "line": {"dash": style.get("dash", "solid"), "width": style.get("width", 1.5)},
        "legendgroup": escape_markup(style.get("group", name)),
        "connectgaps": False,
        "hovertemplate": "%{y:,.6~g}",
        "meta": {"role": role},
    }


def _fan(layer: Forecast, role: str, *, shown: bool) -> list[dict[str, Any]]:
    """Return two edges for each interval, the upper one filled down to the lower one."""
    found, model = [], escape_markup(layer.model)
    for number, (share, lower, upper) in enumerate(layer.intervals):
        edge: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines",
            "x": list(layer.future),
            "line": {"width": 0},
            "legendgroup": f"{model} bands",
            "visible": True if shown else "legendonly",
            "hoverinfo": "skip",
            "showlegend": False,
        }
        found.append(
            {
                **edge,
                "y": list(lower),
                "name": f"{model} {share_in_words(share)}, lower",
                "meta": {"role": role, "band": None},
            }
        )
        found.append(
            {
                **edge,
                "y": list(upper),
                "name": f"{model} bands ({_shares(layer)})",
                "fill": "tonexty",
                "showlegend": number == 0,
                "meta": {"role": role, "band": share},
            }
        )
    return found


def _single_levels(layer: Forecast, role: str, *, shown: bool) -> list[dict[str, Any]]:
    """Return a line for each level that bounds no interval."""
    visible = True if shown else "legendonly"
    return [
        {
            **_line(
                layer.future,
                layer.quantiles[level],
                f"{layer.model} quantile {level:g}",
                role,
                dash="dash",
                width=1,
            ),
            "visible": visible,
        }
        for level in layer.single_levels
    ]


def _shares(layer: Forecast) -> str:
    return ", ".join(share_in_words(share) for share, _, _ in layer.intervals)


def share_in_words(share: float) -> str:
    """Return the share that a band promises to hold: 80%, or 99.9% where whole percent would lie."""
    return f"{share * 100:.6g}%"


def _layout(target: str, cutoff: str | None = None) -> dict[str, Any]:
    line = {
        "type": "line",
        "yref": "paper",
        "x0": cutoff,
        "x1": cutoff,
        "y0": 0,
        "y1": 1,
        "line": {"width": 1, "dash": "dot"},
        "name": CUTOFF,
    }
    return {
        "hovermode": "x unified",
        "dragmode": "zoom",
        "margin": {"l": _LEFT, "r": _RIGHT, "t": _TOP, "b": _BOTTOM},
        "xaxis": {"type": "date", "showspikes": True, "spikemode": "across", "spikethickness": 1},
        "yaxis": {"title": {"text": escape_markup(target)}, "automargin": True, "zeroline": False},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "shapes": [] if cutoff is None else [line],
    }


def escape_markup(text: str) -> str:
    """Return a name as Plotly shows it letter for letter: it reads `<b>` and the like as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
