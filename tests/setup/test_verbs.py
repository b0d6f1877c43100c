import re
import stat
import subprocess
from pathlib import Path

import pytest

from forecast.core.config import TEMPLATE_KEY
from tests.setup.clone import ROOT, Clone

VERBS = [
    name.replace("_", "-")
    for name in re.findall(r"^verb_(\w+)\(\)", (ROOT / "setup.sh").read_text(), re.MULTILINE)
]


def key_of(env_file: Path) -> str:
    return next(line for line in env_file.read_text().splitlines() if line.startswith("API_SECRET_KEY="))


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("help",), ()])
def test_help_lists_every_verb(clone: Clone, arguments: tuple[str, ...]) -> None:
    shown = clone.run(*arguments)

    listed = re.findall(r"^  ([a-z-]+)", shown.stdout, re.MULTILINE)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert sorted(listed) == sorted(VERBS)


def test_an_unknown_verb_is_named_and_exits_2(clone: Clone) -> None:
    refused = clone.run("frobnicate")

    assert refused.returncode == 2
    assert refused.stderr == "error: no such verb: frobnicate\nSee ./setup.sh --help\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run-venv", "forecast", "ui"), "run-venv takes api or all, not 'ui'"),
        (("run-venv",), "run-venv takes api or all, not ''"),
        (("run-docker",), "run-docker takes api, ui or all, not ''"),
        (("run-docker", "forecast", "page"), "run-docker takes api, ui or all, not 'page'"),
        (("init", "forecast", "api"), "init takes no 'api'"),
        (("stop", "api"), "stop takes no 'api'"),
        (("worker", "chronos", "prophet"), "worker takes one model or none, not 'chronos prophet'"),
        (("check", "--fast"), "check takes no '--fast'"),
    ],
)
def test_an_argument_that_a_verb_does_not_take_exits_2(
    clone: Clone, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = clone.run(*arguments)

    assert refused.returncode == 2
    assert sentence in refused.stderr


@pytest.mark.parametrize("arguments", [("init", "forecast"), ("init",)])
def test_init_writes_the_template_with_a_key_of_its_own_for_its_owner_only(
    clone: Clone, arguments: tuple[str, ...]
) -> None:
    done = clone.run(*arguments)

    env_file = clone.folder / ".env"
    written, template = (path.read_text().splitlines() for path in (env_file, ROOT / ".env.template"))
    differing = [pair for pair in zip(written, template, strict=True) if pair[0] != pair[1]]
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert differing == [(key_of(env_file), f"API_SECRET_KEY={TEMPLATE_KEY}")]
    assert re.fullmatch(r"API_SECRET_KEY=[\w-]{43}", key_of(env_file))
    assert key_of(env_file) not in done.stdout + done.stderr
    assert all((clone.folder / name).is_dir() for name in ("data/uploads", "data/results", "logs", "run"))


def test_two_clones_get_different_keys(clone: Clone, tmp_path: Path) -> None:
    clone.run("init")
    clone.run("init", ENV_FILE=str(tmp_path / "other.env"))

    assert key_of(clone.folder / ".env") != key_of(tmp_path / "other.env")


def test_an_env_file_that_exists_is_left_alone(clone: Clone) -> None:
    env_file = clone.folder / ".env"
    env_file.write_text("API_SECRET_KEY=mine\n")

    done = clone.run("init")

    assert done.returncode == 0
    assert env_file.read_text() == "API_SECRET_KEY=mine\n"


def test_the_script_works_in_its_own_folder_wherever_it_is_called_from(clone: Clone, tmp_path: Path) -> None:
    script = clone.folder / "setup.sh"

    subprocess.run([script, "init"], cwd=tmp_path, env=clone.env, capture_output=True, check=True)

    assert (clone.folder / ".env").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clone"]


def test_an_environment_of_another_python_is_refused(clone: Clone, tmp_path: Path) -> None:
    refused = clone.run("init", VENV=str(tmp_path))

    assert refused.returncode == 1
    assert refused.stderr == f"error: VENV={tmp_path} holds no Python that pyproject.toml allows\n"
