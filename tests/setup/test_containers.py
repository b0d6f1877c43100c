"""What setup.sh asks of docker; a stand-in notes it, so that nothing is started."""

import re
import shutil
import stat
from pathlib import Path

import pytest

from tests.setup.clone import Clone

DOCKER = """#!/usr/bin/env bash
echo "${COMPOSE_PROFILES:-} ${WHEELS:-} $*" >>"$DOCKER_NOTES"
case "$*" in
  "compose version") [ -z "${NO_COMPOSE:-}" ] ;;
  info) [ -z "${NO_ENGINE:-}" ] ;;
  *"ps --services --status running") echo "${RUNNING-forecast ui}" | tr ' ' '\\n' ;;
  *"config --services") echo "${SERVICES:-forecast ui}" | tr ' ' '\\n' ;;
  *" up "*) [ -z "${UP_FAILS:-}" ] ;;
  *"port ui 8080") echo 127.0.0.1:8090 ;;
  *" port "*) echo 0.0.0.0:8010 ;;
  *"scripts.gateway first") echo "${FIRST:-statsforecast}" ;;
  *"scripts.gateway forecast "*) echo "Checked with a forecast of the sample: 1.0" ;;
  *" logs "*) echo "what the containers said" ;;
esac
"""


class DockerClone(Clone):
    """A clone whose only docker is the stand-in."""

    def calls(self, words: str = "") -> list[str]:
        """Return the calls of docker so far whose line holds these words."""
        notes = Path(self.env["DOCKER_NOTES"])
        return [line for line in notes.read_text().splitlines() if words in line] if notes.exists() else []


@pytest.fixture
def docker_clone(clone: Clone, tmp_path: Path) -> DockerClone:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "docker").write_text(DOCKER)
    (tools / "docker").chmod(0o755)
    own = {"PATH": f"{tools}:{clone.env['PATH']}", "DOCKER_NOTES": str(tmp_path / "docker.txt")}
    return DockerClone(clone.folder, {**clone.env, **own})


def test_without_docker_the_error_says_what_to_install_and_what_else_to_run(
    clone: Clone, tmp_path: Path
) -> None:
    tools = tmp_path / "bare"
    tools.mkdir()
    for name in ("bash", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or "")

    refused = clone.run("run-docker", "all", PATH=str(tools))

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: there is no docker here: install Docker Engine")
    assert "./setup.sh run-venv forecast all" in refused.stderr
    assert not (clone.folder / ".env").exists()


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ("NO_COMPOSE", "error: docker has no compose plugin: install it"),
        ("NO_ENGINE", "error: no Docker engine answers: start it"),
    ],
)
def test_a_docker_without_its_plugin_or_its_engine_is_told(
    docker_clone: DockerClone, lacking: str, sentence: str
) -> None:
    refused = docker_clone.run("run-docker", "all", **{lacking: "yes"})

    assert refused.returncode == 1
    assert refused.stderr.startswith(sentence)
    assert docker_clone.calls(" up ") == []


def test_all_is_built_and_started_with_a_key_of_its_own_and_told_where_it_is(
    docker_clone: DockerClone,
) -> None:
    started = docker_clone.run("run-docker", "forecast", "all")

    assert started.returncode == 0, started.stderr
    env_file = docker_clone.folder / ".env"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert re.search(r"^API_SECRET_KEY=[\w-]{43}$", env_file.read_text(), re.MULTILINE)
    (up,) = docker_clone.calls(" up ")
    assert up.strip() == "compose --env-file .env up --detach --build --wait --wait-timeout 120"
    told = started.stdout.partition("Sapheneia is ready.\n")[2].splitlines()
    assert told[:2] == ["  Page  http://127.0.0.1:8090", "  API   http://127.0.0.1:8010"]
    assert "Checked with a forecast of the sample: 1.0" in told
    assert told[-1].startswith("curl -sS http://127.0.0.1:8010/forecast/v1/statsforecast/inference ")


@pytest.mark.parametrize(
    ("what", "services"), [("api", "--wait-timeout 120 forecast"), ("ui", "--wait-timeout 120 --no-deps ui")]
)
def test_one_of_the_two_is_started_alone(docker_clone: DockerClone, what: str, services: str) -> None:
    started = docker_clone.run("run-docker", what)

    assert started.returncode == 0, started.stderr
    (up,) = docker_clone.calls(" up ")
    assert up.endswith(services)


@pytest.mark.parametrize(("profile", "front"), [("gpu", "forecast-gpu"), ("models", "gateway")])
def test_a_profile_that_takes_the_gateways_place_leaves_it_out(
    docker_clone: DockerClone, profile: str, front: str
) -> None:
    settings = {"COMPOSE_PROFILES": profile, "SERVICES": f"forecast {front} ui"}

    started = docker_clone.run("run-docker", "api", **settings)

    assert started.returncode == 0, started.stderr
    (up,) = docker_clone.calls(" up ")
    assert up.startswith(profile)
    assert up.endswith(f"--wait-timeout 120 {front}")
    assert docker_clone.calls(f"exec -T {front} python -m scripts.gateway await") != []


def test_all_of_such_a_profile_is_started_by_name(docker_clone: DockerClone) -> None:
    settings = {"COMPOSE_PROFILES": "gpu", "SERVICES": "forecast forecast-gpu ui"}

    started = docker_clone.run("run-docker", "all", **settings)

    assert started.returncode == 0, started.stderr
    (up,) = docker_clone.calls(" up ")
    assert up.endswith("--wait-timeout 120 --no-deps forecast-gpu ui")


@pytest.mark.parametrize("others", ["gateway forecast-gpu", "forecast-celery gateway"])
def test_two_profiles_cannot_both_take_the_gateways_place(docker_clone: DockerClone, others: str) -> None:
    refused = docker_clone.run("run-docker", "all", SERVICES=f"forecast {others} ui")

    assert refused.returncode == 1
    told = "error: the profiles gpu, models and celery all take the gateway's place"
    assert refused.stderr.startswith(told)
    assert docker_clone.calls(" up ") == []


def test_wheels_of_pips_find_links_are_handed_to_the_build(docker_clone: DockerClone, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/torch-1-py3-none-any.whl").touch()

    docker_clone.run("run-docker", "all", PIP_FIND_LINKS=f"/nowhere {tmp_path / 'wheels'}")

    (up,) = docker_clone.calls(" up ")
    assert f" {tmp_path / 'wheels'} compose " in up


def test_a_gateway_that_loads_nothing_is_not_asked_for_a_forecast(docker_clone: DockerClone) -> None:
    started = docker_clone.run("run-docker", "all", FIRST="-")

    assert started.returncode == 0, started.stderr
    assert "Sapheneia is ready." in started.stdout
    assert docker_clone.calls("scripts.gateway forecast") == []


def test_containers_that_do_not_start_are_an_error_and_can_be_stopped(docker_clone: DockerClone) -> None:
    refused = docker_clone.run("run-docker", "all", UP_FAILS="yes")

    assert refused.returncode == 1
    assert "error: the containers did not start, or were not healthy in time" in refused.stderr
    assert docker_clone.run("stop", "forecast").returncode == 0
    assert len(docker_clone.calls(" down")) == 1


def test_stop_ends_the_containers_of_all_profiles_once(docker_clone: DockerClone) -> None:
    docker_clone.run("run-docker", "all")

    stopped = docker_clone.run("stop", "forecast")
    again = docker_clone.run("stop", "forecast")

    assert (stopped.returncode, again.returncode) == (0, 0), stopped.stderr
    assert stopped.stdout == "Stopped the containers; their volumes stay.\n"
    assert docker_clone.calls(" down") == ["*  compose --env-file .env down"]
    assert again.stdout == "Nothing runs that this folder's run-venv started.\n"


@pytest.mark.parametrize(
    ("running", "front"), [("ui forecast", "forecast"), ("forecast-chronos gateway ui", "gateway")]
)
def test_keys_are_made_in_the_database_of_the_gateway_that_runs(
    docker_clone: DockerClone, running: str, front: str
) -> None:
    docker_clone.run("run-docker", "api")

    made = docker_clone.run("keys", "create", "acme", "--name", "night run", RUNNING=running)

    assert made.returncode == 0, made.stderr
    (call,) = docker_clone.calls("scripts.keys")
    assert call.endswith(f"exec -T {front} python -m scripts.keys create acme --name night run")


def test_keys_of_a_gateway_that_does_not_run_are_not_made_elsewhere(docker_clone: DockerClone) -> None:
    docker_clone.run("run-docker", "api")

    refused = docker_clone.run("keys", "list", RUNNING="ui")

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: the gateway was started in a container, which does not run now")


def test_logs_are_those_of_what_was_started(docker_clone: DockerClone) -> None:
    refused = docker_clone.run("logs")
    assert (refused.returncode, refused.stderr) == (1, "error: nothing was started here yet\n")

    console = docker_clone.folder / "logs/forecast.out"
    console.parent.mkdir()
    console.write_text("what the API said\n")
    assert docker_clone.run("logs", "forecast").stdout == "what the API said\n"

    docker_clone.run("run-docker", "api")
    assert docker_clone.run("logs", "--follow").stdout == "what the containers said\n"
    assert docker_clone.calls("logs --tail 100 --follow") != []
