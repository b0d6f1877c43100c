"""The exact request of a forecast, for a shell and for Python; the key is left out."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

_AHEAD = 12
_PYTHON = """import os

import httpx
import pandas as pd

answer = httpx.post(
    {url},
    headers={{"Authorization": f"Bearer {{os.environ['API_SECRET_KEY']}}"}},
    json={body},
    timeout=600,
)
answer.raise_for_status()
prediction = answer.json()["prediction"]
dates = answer.json()["visualization_data"]["dates_future"]
# One series has a flat list of dates, several have one list each.
dates = [dates] if len(prediction["series_ids"]) == 1 else dates
forecast = pd.concat(
    pd.DataFrame({{"unique_id": name, "date": days, "forecast": values}})
    for name, days, values in zip(prediction["series_ids"], dates, prediction["point_forecast"])
)
print(forecast)
"""


def as_curl(url: str, body: Mapping[str, Any]) -> str:
    """Return the request as a command for a shell in which API_SECRET_KEY is set."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return (
        f"curl -sS {shlex.quote(url)} \\\n"
        '  -H "Authorization: Bearer $API_SECRET_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(text)}\n"
    )


def as_python(url: str, body: Mapping[str, Any]) -> str:
    """Return the request as a script that prints the forecast as a pandas table."""
    return _PYTHON.format(url=repr(url), body=_indent(_literal(body)))


def job_examples(base: str, samples: Sequence[Mapping[str, Any]], model: str) -> list[tuple[str, str]]:
    """Return requests that hand a job to a gateway, each with what it forecasts: a sample, a dataset."""
    url = f"{base}/api/v1/forecast-jobs"
    by_name: dict[str, Any] = {"model": model, "dataset": "default", "prediction_length": _AHEAD}
    found = [("Forecast a dataset of your history by its name", by_name)]
    for sample in samples[:1]:
        source = {"data_source_url_or_path": sample["path"], "data_definition": sample["data_definition"]}
        body = {"model": model, **source, "parameters": {"horizon_len": _AHEAD}}
        found.insert(0, (f"Forecast the sample {sample['name']}", body))
    return [(title, as_curl(url, body)) for title, body in found]


def _literal(value: Any, depth: int = 0) -> str:
    """Return JSON's values as Python writes them, an object with one item a line."""
    if not isinstance(value, Mapping) or not value:
        return repr(value)
    inner = "    " * (depth + 1)
    lines = (f"{inner}{key!r}: {_literal(item, depth + 1)},\n" for key, item in value.items())
    return "{\n" + "".join(lines) + "    " * depth + "}"


def _indent(text: str) -> str:
    return text.replace("\n", "\n    ")
