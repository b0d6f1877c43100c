import re
import tomllib

from tests.setup.clone import ROOT

LOCK = (ROOT / "requirements.lock").read_text()


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


def test_every_dependency_is_locked_to_one_version_that_any_host_has() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.lstrip().startswith("#")]

    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[0-9][a-z0-9.]*", line)] == []


def test_what_the_project_asks_for_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["project"]["dependencies"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
        *project["dependency-groups"]["dev"],
    ]

    assert names_of(asked) - names_of(LOCK.splitlines()) == {"sapheneia"}


def test_the_lock_names_no_host_and_no_folder_of_the_machine_that_made_it() -> None:
    assert re.findall(r"\S*(?:://|--index|--find-links|file:|/opt/|/home/|/root/)\S*", LOCK) == []


def test_the_lock_is_of_the_build_without_a_gpus_libraries() -> None:
    assert [
        name for name in names_of(LOCK.splitlines()) if name.startswith(("nvidia", "cuda", "triton"))
    ] == []
