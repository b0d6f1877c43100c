"""What setup.sh asks of uv; a stand-in notes it, so that nothing is installed."""

import sys
from pathlib import Path

import pytest

from tests.setup.clone import Clone

UV = """#!/usr/bin/env bash
echo "$* $(env | grep ^UV_ | sort | tr '\\n' ' ')" >>"$UV_NOTES"
case "$*" in
  venv*) mkdir -p "${@: -1}/bin" && ln -s "$UV_PYTHON_OF_THE_TEST" "${@: -1}/bin/python" ;;
  *--dry-run*) [ -n "${UV_OFFERS_TORCH:-}" ] ;;
  *) [ -z "${UV_FAILS:-}" ] ;;
esac
"""


class UvClone(Clone):
    """A clone whose only uv is the stand-in."""

    def calls(self, words: str = "") -> list[str]:
        """Return the calls of uv so far whose line holds these words."""
        notes = Path(self.env["UV_NOTES"])
        return [line for line in notes.read_text().splitlines() if words in line] if notes.exists() else []

    def installs(self) -> list[str]:
        return [call for call in self.calls("pip install") if "--dry-run" not in call]


@pytest.fixture
def uv_clone(clone: Clone, tmp_path: Path) -> UvClone:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(UV)
    (tools / "uv").chmod(0o755)
    env = {name: value for name, value in clone.env.items() if name != "VENV"}
    own = {
        "PATH": f"{tools}:{env['PATH']}",
        "PYTHON": sys.executable,
        "PIP_CONFIG_FILE": "/dev/null",
        "UV_NOTES": str(tmp_path / "uv.txt"),
        "UV_PYTHON_OF_THE_TEST": sys.executable,
    }
    return UvClone(clone.folder, {**env, **own})


def test_the_first_run_installs_the_locked_dependencies_and_the_second_nothing(uv_clone: UvClone) -> None:
    first = uv_clone.run("init")
    second = uv_clone.run("init")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert uv_clone.calls("venv --quiet --clear --python ")[0].split()[4:6] == [sys.executable, ".venv"]
    (install,) = uv_clone.installs()
    assert (
        "pip install --compile-bytecode --python .venv/bin/python -c requirements.lock -e .[all] " in install
    )
    assert "--group dev" not in install


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock"])
def test_changed_dependencies_are_installed_by_the_next_run(uv_clone: UvClone, name: str) -> None:
    uv_clone.run("init")
    with (uv_clone.folder / name).open("a") as file:
        file.write("# changed\n")

    uv_clone.run("init")

    assert len(uv_clone.installs()) == 2


def test_an_installation_that_failed_is_tried_again(uv_clone: UvClone) -> None:
    failed = uv_clone.run("init", UV_FAILS="yes")

    assert failed.returncode == 1
    assert not (uv_clone.folder / ".env").exists()
    assert uv_clone.run("init").returncode == 0
    assert len(uv_clone.installs()) == 2


def test_the_tests_get_the_development_dependencies_and_a_later_start_needs_no_more(
    uv_clone: UvClone,
) -> None:
    uv_clone.run("test", "--version")
    uv_clone.run("init")

    (install,) = uv_clone.installs()
    assert "-e .[all] --group dev" in install


def test_torch_comes_from_pips_find_links_where_they_offer_it(uv_clone: UvClone) -> None:
    uv_clone.run("init", PIP_FIND_LINKS="/wheels /more", UV_OFFERS_TORCH="yes")

    (install,) = uv_clone.installs()
    assert "UV_FIND_LINKS=/wheels,/more" in install
    assert "UV_TORCH_BACKEND" not in install


@pytest.mark.parametrize("find_links", ["", "/wheels"])
def test_elsewhere_torch_is_the_cpu_build(uv_clone: UvClone, find_links: str) -> None:
    uv_clone.run("init", PIP_FIND_LINKS=find_links)

    (install,) = uv_clone.installs()
    assert "UV_TORCH_BACKEND=cpu" in install


def test_torch_for_a_gpu_is_installed_over_the_cpu_build_and_stays(uv_clone: UvClone) -> None:
    uv_clone.run("init")
    uv_clone.run("init", TORCH="cuda")
    uv_clone.run("init")

    cpu, cuda = uv_clone.installs()
    assert "--reinstall-package torch" not in cpu
    assert "--reinstall-package torch" in cuda
    assert "UV_TORCH_BACKEND=auto" in cuda


def test_torch_for_anything_else_is_refused(uv_clone: UvClone) -> None:
    refused = uv_clone.run("init", TORCH="tpu")

    assert (refused.returncode, refused.stderr) == (1, "error: TORCH is cpu or cuda, not 'tpu'\n")
    assert uv_clone.installs() == []


def test_an_environment_whose_python_is_gone_is_made_anew(uv_clone: UvClone) -> None:
    uv_clone.run("init")
    python = uv_clone.folder / ".venv/bin/python"
    python.unlink()

    uv_clone.run("init")

    assert python.exists()
    assert len(uv_clone.calls("venv --quiet --clear")) == 2


def test_a_python_that_does_not_fit_is_refused_by_name(uv_clone: UvClone, tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    refused = uv_clone.run("init", PYTHON=str(old))

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: PYTHON={old} is not Python >=3.11,<")


def test_a_python_without_its_venv_module_says_what_to_install(uv_clone: UvClone, tmp_path: Path) -> None:
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    bare.chmod(0o755)
    (tmp_path / "tools/uv").unlink()

    refused = uv_clone.run("init", PYTHON=str(bare), PATH=f"{tmp_path / 'tools'}:/usr/bin:/bin")

    assert refused.returncode == 1
    assert "apt install python3-venv" in refused.stderr
