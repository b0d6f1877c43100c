import ast
import json
import shlex
import subprocess
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ui.snippets import as_curl, as_python

URL = "http://127.0.0.1:8000/forecast/v1/ets/inference"
BODY: dict[str, Any] = {
    "data_source_url_or_path": "data/uploads/x-0123456789ab.csv",
    "data_definition": {"month": "timestamp", 'it\'s $HOME `id` "x"\n': "target"},
    "parameters": {"horizon_len": 3, "use_covariates": True, "freq": None, "quantile_levels": [0.1, 0.9]},
}
hostile = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def read_curl(text: str) -> tuple[str, Any, list[str]]:
    command, flag, url, *rest = shlex.split(text)
    assert (command, flag) == ("curl", "-sS")
    return url, json.loads(rest[-1]), rest[:-2]


def read_python(text: str) -> tuple[str, Any]:
    call = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    given = {one.arg: one.value for one in call.keywords}
    return ast.literal_eval(call.args[0]), ast.literal_eval(given["json"])


@given(hostile, hostile)
def test_both_send_the_exact_request_whatever_columns_are_called(name: str, path: str) -> None:
    body = BODY | {"data_definition": {name: "target"}, "data_source_url_or_path": path}

    url, sent, _ = read_curl(as_curl(URL, body))
    assert (url, sent) == (URL, body)
    assert read_python(as_python(URL, body)) == (URL, body)


def test_the_key_is_named_and_not_told() -> None:
    _, _, headers = read_curl(as_curl(URL, BODY))

    assert "Authorization: Bearer $API_SECRET_KEY" in headers
    assert "os.environ['API_SECRET_KEY']" in as_python(URL, BODY)


def test_a_shell_expands_the_key_and_nothing_of_the_body() -> None:
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + as_curl(URL, BODY)
    ran = subprocess.run(
        ["/bin/bash", "-c", script], env={"API_SECRET_KEY": "k"}, capture_output=True, check=True, text=True
    )

    *_, accept, _, data = ran.stdout.rstrip("\0").split("\0")
    assert "Authorization: Bearer k" in ran.stdout
    assert accept == "Content-Type: application/json"
    assert json.loads(data) == BODY
