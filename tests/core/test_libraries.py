import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import reading
from forecast.core.libraries import collector_paused, import_alone, import_libraries
from tests.conftest import ROOT

NAME = "a_library_made_for_this_test"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / f"{NAME}.py").write_text("import gc\ncollected_meanwhile = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield NAME
    sys.modules.pop(NAME, None)
    gc.unfreeze()


def test_a_library_is_imported_while_nothing_is_collected(library: str) -> None:
    import_libraries(library)

    assert sys.modules[library].collected_meanwhile is False
    assert gc.isenabled()


def test_what_a_library_leaves_is_passed_over_by_the_collector(library: str) -> None:
    gc.unfreeze()

    import_libraries(library)
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    import_libraries(library)

    assert frozen > 10_000
    assert gc.get_freeze_count() == 0  # the second time there was nothing to import


def test_a_library_that_is_missing_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        import_libraries("no_such_library")

    assert gc.isenabled()


def test_the_collector_rests_until_the_last_of_several_is_done() -> None:
    first, second = threading.Event(), threading.Event()

    def hold() -> None:
        with collector_paused():
            first.set()
            second.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert first.wait(60)
    with collector_paused():
        assert not gc.isenabled()
    assert not gc.isenabled()
    second.set()
    thread.join()
    assert gc.isenabled()


def test_the_collector_rests_while_weights_are_read(tmp_path: Path) -> None:
    config = ModelConfig(context_len=None, horizon_len=8, local_dir=tmp_path)
    with reading(config, tmp_path):
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the import maps them")
def test_the_kernels_of_torch_are_mapped_before_its_import(tmp_path: Path) -> None:
    kernels = tmp_path / "kernels.txt"
    program = (
        "import sys, importlib, pathlib\n"
        "from forecast.core import libraries\n"
        "def look(name):\n"
        "    maps = pathlib.Path('/proc/self/maps').read_text()\n"
        f"    pathlib.Path({str(kernels)!r}).write_text(str('libtorch_cpu.so' in maps))\n"
        "libraries.importlib.import_module = look\n"
        "libraries.import_libraries('torch')\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)

    assert kernels.read_text() == "True"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "a_package_made_for_this_test"
    inner = tmp_path / name / "models"
    inner.mkdir(parents=True)
    for folder in (inner.parent, inner):
        (folder / "__init__.py").write_text("raise RuntimeError('this package has run')\n")
    (inner / "wanted.py").write_text(f"from {name}.models.beside import VALUE\n")
    (inner / "beside.py").write_text("VALUE = 20\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for loaded in [one for one in sys.modules if one.startswith(name)]:
        del sys.modules[loaded]
    gc.unfreeze()


def test_a_module_is_imported_without_what_its_packages_do(package: str) -> None:
    import_alone(f"{package}.models.wanted")

    assert sys.modules[f"{package}.models.wanted"].VALUE == 20


def test_a_package_that_is_there_already_is_left_alone(package: str) -> None:
    import_alone(f"{package}.models.wanted")
    before = sys.modules[package]
    import_alone(f"{package}.models.beside")

    assert sys.modules[package] is before


@pytest.mark.parametrize("name", ["no_such_package.models.wanted", "json.no_such_package.wanted"])
def test_a_module_of_a_package_that_is_not_installed_is_missed_by_name(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        import_alone(name)


def test_libraries_are_imported_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is just being imported may not be in sys.modules what it will be."""
    meeting: Any = ModuleType("meeting_of_this_test")
    meeting.first, meeting.second, meeting.seen = threading.Event(), threading.Event(), []
    monkeypatch.setitem(sys.modules, meeting.__name__, meeting)
    monkeypatch.syspath_prepend(tmp_path)
    lines = {
        "slow": "meeting.first.set(); meeting.second.wait(0.3); meeting.seen.append('slow has ended')",
        "quick": "meeting.second.set(); meeting.seen.append('quick begins')",
    }
    for name, line in lines.items():
        (tmp_path / f"{name}_of_this_test.py").write_text(f"import {meeting.__name__} as meeting\n{line}\n")
    slow = threading.Thread(target=import_libraries, args=("slow_of_this_test",))
    slow.start()
    assert meeting.first.wait(60)
    import_libraries("quick_of_this_test")
    slow.join()
    assert meeting.seen == ["slow has ended", "quick begins"]
    for name in lines:
        sys.modules.pop(f"{name}_of_this_test")
    gc.unfreeze()
