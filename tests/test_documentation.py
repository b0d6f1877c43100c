"""The documentation is true: its commands and bodies run, its tables are the code's, its routes are all."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import huggingface_hub.constants
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from forecast.core.config import Settings
from forecast.core.errors import SapheneiaError
from forecast.core.parameters import Missing, Role
from forecast.main import create_app
from forecast.models import get_available_models, get_service
from scripts.document import BLOCK, ROOT, list_pages, main, rewrite
from scripts.documentation.errors import walk
from tests.conftest import AUTHORIZED, KEY
from tests.pages import fences, run_page

PAGES = tuple(
    ROOT / name
    for name in ("README.md", "docs/api.md", "docs/clients.md", "docs/history.md", "docs/forecasts.md")
)
ALL_PAGES = [*list_pages(), *sorted((ROOT / "docs/adr").glob("*.md"))]
TOPICS = ("overview", "initialization", "inference", "covariates", "configuration", "troubleshooting")
OF_STORES = ("AWS_", "AZURE_STORAGE_", "GOOGLE_", "STORAGE_")
OF_TRACES = ("OTEL_",)
NOT_RUN = {
    "bucket": "reads a bucket of one's own; tests/core/data/test_buckets.py reads one on loopback",
    "clone": "clones and installs from the network; tests/setup runs the same verb in a copy of this folder",
    "docker": "needs a Docker engine; tests/containers builds and starts the same stack",
    "hub": "downloads from the Hub; the checkpoints it would write are here, tiny and random",
    "verbs": "runs all tests, this one among them; `check` is what .ci/run does",
}
WEIGHTS = {
    "chronos": {
        "chronos-2": "write",
        "amazon/chronos-2": "write",
        "amazon/chronos-bolt-small": "write_bolt",
        "amazon/chronos-t5-small": "write_t5",
    },
    "timesfm20": {
        "timesfm-2.0-500m": "write",
        "google/timesfm-2.0-500m-pytorch": "write_original",
    },
    "timesfm25": {
        "timesfm-2.5-200m": "write",
        "google/timesfm-2.5-200m-pytorch": "write",
        "google/timesfm-2.5-200m-transformers": "write_transformers",
    },
    "flowstate91m": {
        "flowstate-r1": "write",
        "ibm-granite/granite-timeseries-flowstate-r1": "write",
    },
}
OF_LIBRARIES = {
    "COMPOSE_PROFILES",
    "FORWARDED_ALLOW_IPS",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "ARROW_DEFAULT_MEMORY_POOL",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "UVICORN_TIMEOUT_KEEP_ALIVE",
    "UVICORN_TIMEOUT_WORKER_HEALTHCHECK",
}
# The published contexts of those whose tiny weights have a smaller one.
CONTEXTS = {"chronos": 8192, "timesfm20": 2048, "flowstate91m": 2048}


def bodies(model_id: str, topic: str) -> list[Any]:
    page = ROOT / f"forecast/models/{model_id}/documentation/{topic}.md"
    return [json.loads(fence.code) for fence in fences(page) if fence.language == "json"]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tiny weights under the names that the pages use: in local folders, and in a filled cache of the Hub."""
    folder = tmp_path_factory.mktemp("checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        for model_id, wanted in WEIGHTS.items():
            tiny = import_module(f"forecast.models.{model_id}.tests.tiny")
            if model_id in CONTEXTS:
                patch.setattr(tiny, "CONTEXT", CONTEXTS[model_id])
            for name, write in wanted.items():
                made = folder / "made" / name
                made.mkdir(parents=True)
                body = getattr(tiny, write)(made)
                place = folder / "hub" / f"models--{name.replace('/', '--')}"
                target = place / "snapshots/1" if "/" in name else folder / model_id / name
                shutil.copytree(made / body["local_model_path"], target)
                if "/" in name:
                    (place / "refs").mkdir()
                    (place / "refs/main").write_text("1")
            patch.setenv(f"{model_id.upper()}_LOCAL_DIR", str(folder / model_id))
        patch.setenv("FIT_PROCESSES", "1")
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hub"))
        for model_id in get_available_models():
            get_service(model_id).__dict__.pop("settings", None)
        yield folder
        for model_id in get_available_models():
            get_service(model_id).__dict__.pop("settings", None)


@pytest.fixture
def clone(tmp_path: Path, checkpoints: Path) -> Path:
    """What of a clone the commands use: the samples and the key."""
    shutil.copytree(ROOT / "data/samples", tmp_path / "data/samples")
    (tmp_path / "data/uploads").mkdir()
    (tmp_path / ".env").write_text(f"API_SECRET_KEY={KEY}\n")
    return tmp_path


@pytest.fixture
def app(clone: Path, make_settings: Callable[..., Settings]) -> FastAPI:
    return create_app(make_settings(data_dir=clone / "data"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_runs_as_it_stands(
    page: Path, app: FastAPI, clone: Path, serve: Callable[[FastAPI], str]
) -> None:
    get_service("statsforecast").initialize()  # as the gateway does at its start
    places, _ = run_page(page, serve(app), clone)
    assert len(places) > 2


def test_what_is_not_run_has_a_reason() -> None:
    marked = {fence.reason for page in PAGES for fence in fences(page) if fence.reason}
    assert marked == set(NOT_RUN)


def test_the_verbs_of_setup_that_pages_name_exist() -> None:
    named = {
        verb for page in ALL_PAGES for verb in re.findall(r"\./setup\.sh(?: |$)([a-z-]*)", page.read_text())
    }
    verbs = {
        verb.replace("_", "-")
        for verb in re.findall(r"^verb_(\w+)\(\)", (ROOT / "setup.sh").read_text(), re.M)
    }
    assert {verb for verb in named if not verb.startswith("-")} <= verbs


@pytest.mark.timeout(300)
@pytest.mark.parametrize("model_id", get_available_models())
def test_every_body_in_a_models_documentation_is_answered(model_id: str, app: FastAPI) -> None:
    with TestClient(app, headers=AUTHORIZED) as client:

        def post(action: str, body: Any) -> None:
            answer = client.post(f"/forecast/v1/{model_id}/{action}", json=body)
            assert answer.status_code == 200, f"{body}: {answer.text}"

        first, *others = bodies(model_id, "initialization")
        for body in (*others, first):
            post("shutdown", None)
            post("initialization", body)
        asked = bodies(model_id, "inference") + bodies(model_id, "covariates")
        assert len(asked) >= 2
        for body in asked:
            post("inference", body)


def test_generated_tables_are_those_of_the_code() -> None:
    assert main(["--check"]) == 0, "run: python scripts/document.py"


def test_a_stale_table_is_found() -> None:
    page = ROOT / "docs/api.md"
    text = page.read_text()
    stale = text.replace("| `horizon_len` | integer", "| `horizon_len` | text")
    assert stale != text
    assert rewrite(stale, page) == text


@pytest.mark.parametrize("model_id", get_available_models())
def test_every_model_has_its_six_pages_with_generated_tables(model_id: str) -> None:
    folder = ROOT / f"forecast/models/{model_id}/documentation"
    assert {page.name for page in folder.iterdir()} == {f"{topic}.md" for topic in TOPICS}
    tables = {
        match["name"] for topic in TOPICS for match in BLOCK.finditer((folder / f"{topic}.md").read_text())
    }
    kinds = ("capabilities", "initialization", "options", "settings")
    assert tables == {f"{kind} {model_id}" for kind in kinds}


def test_every_route_is_documented_and_nothing_else(app: FastAPI) -> None:
    models = "|".join(get_available_models())
    known = {
        (method.upper(), re.sub(rf"^/forecast/v1/({models})/", "/forecast/v1/{model_id}/", path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    known |= {("GET", path) for path in ("/docs", "/redoc", "/openapi.json")}
    text = (ROOT / "docs/api.md").read_text()
    assert set(re.findall(r"^### `([A-Z]+) (\S+)`$", text, re.MULTILINE)) == known


def test_every_model_has_the_four_routes(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    for model_id in get_available_models():
        actions = {path.rpartition("/")[2] for path in paths if path.startswith(f"/forecast/v1/{model_id}/")}
        assert actions == {"initialization", "status", "inference", "shutdown"}


@pytest.mark.parametrize(
    ("head", "values"),
    [("| role | meaning |", get_args(Role)), ("| `missing` | gaps |", get_args(Missing))],
)
def test_tables_written_by_hand_have_every_value(head: str, values: tuple[str, ...]) -> None:
    rows = (ROOT / "docs/api.md").read_text().partition(head)[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == sorted(values)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_settings_and_errors_that_pages_name_exist() -> None:
    settings = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.template").read_text(), re.MULTILINE)
    compose = re.findall(r"[A-Z][A-Z0-9]*_[A-Z_]+", (ROOT / "docker-compose.yml").read_text())
    known = {*settings, *compose, *(error.code for error in walk(SapheneiaError)), *OF_LIBRARIES}
    for page in ALL_PAGES:
        named = set(re.findall(r"`([A-Z0-9]+_[A-Z_]*[A-Z])(?:=\w+)?`", page.read_text()))
        named = {name for name in named if not name.startswith(OF_STORES + OF_TRACES)}
        assert named - known - {"MODEL_REGISTRY", "UV_TORCH_BACKEND"} == set(), page.name


def test_decisions_are_short() -> None:
    decisions = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [page.name[:4] for page in decisions] == [
        f"{number:04d}" for number in range(1, len(decisions) + 1)
    ]
    for page in decisions:
        text = page.read_text()
        assert len(text.splitlines()) <= 50, page.name
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], (
            page.name
        )
