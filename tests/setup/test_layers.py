"""The import contracts of pyproject.toml refuse what they are there to refuse."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.setup.clone import Clone


def lint(clone: Clone) -> subprocess.CompletedProcess[str]:
    linter = str(Path(sys.executable).with_name("lint-imports"))
    return subprocess.run(
        [linter, "--no-cache"], cwd=clone.folder, capture_output=True, text=True, check=False
    )


def test_the_code_keeps_its_layers(clone: Clone) -> None:
    linted = lint(clone)

    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("core/adapter.py", "forecast.models", "Imports go one way"),
        ("core/adapter.py", "forecast.main", "Imports go one way"),
        ("models/chronos/__init__.py", "forecast.discovery", "Imports go one way"),
        ("metrics/models.py", "forecast.discovery", "Imports go one way"),
        ("remote/circuit.py", "forecast.discovery", "Imports go one way"),
        ("models/chronos/__init__.py", "forecast.remote", "Imports go one way"),
        ("models/chronos/__init__.py", "forecast.models.prophet", "No model imports another"),
        ("models/chronos/schemas/__init__.py", "forecast.models.chronos.services", "Inside a model"),
        ("models/chronos/services/__init__.py", "forecast.models.chronos.routes", "Inside a model"),
    ],
)
def test_an_import_against_the_layers_breaks_its_contract(
    clone: Clone, module: str, imported: str, contract: str
) -> None:
    with (clone.folder / "forecast" / module).open("a") as file:
        file.write(f"\nimport {imported}\n")

    linted = lint(clone)

    assert linted.returncode == 1
    broken = [line for line in linted.stdout.splitlines() if line.endswith("BROKEN")]
    assert [line for line in broken if line.startswith(contract)] == broken != []
