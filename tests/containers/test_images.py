"""What is in the images, and what is not."""

import json

import pytest

from tests.containers.stack import Stack, docker

IMAGES = ("sapheneia-forecast", "sapheneia-ui")
MODULES = "import sys, importlib.util as u; print(*(m for m in sys.argv[1:] if u.find_spec(m)))"


def installed(image: str, *modules: str) -> set[str]:
    """Return which of these modules an image has."""
    return set(docker("run", "--rm", "--entrypoint", "python", image, "-c", MODULES, *modules).split())


@pytest.mark.parametrize("image", IMAGES)
def test_no_secret_is_in_a_layer_or_in_the_environment(stack: Stack, image: str) -> None:
    told = docker("history", "--no-trunc", image) + docker("image", "inspect", image)

    assert stack.key not in told
    assert "API_SECRET_KEY" not in told
    search = ("-xdev", "-name", ".env*", "-o", "-name", "pip.conf", "-o", "-name", ".netrc")
    assert docker("run", "--rm", "--user", "0", "--entrypoint", "find", image, "/", *search) == ""


@pytest.mark.parametrize("image", IMAGES)
def test_the_code_belongs_to_root_and_is_run_by_somebody_else(stack: Stack, image: str) -> None:
    (told,) = json.loads(docker("image", "inspect", image))
    writable = ("find", image, "/app", "-xdev", "-writable", "-type", "f")

    assert told["Config"]["User"] == "10001:10001"
    assert docker("run", "--rm", "--entrypoint", *writable) == ""


def test_the_gateway_has_every_model_and_the_page_none(stack: Stack) -> None:
    modules = ("torch", "transformers", "statsforecast", "prophet", "timesfm", "forecast", "pandas", "flask")

    assert installed("sapheneia-forecast", *modules) == {*modules} - {"flask"}
    assert installed("sapheneia-ui", *modules) == {"flask"}


def test_torch_is_the_build_without_a_gpus_libraries(stack: Stack) -> None:
    assert installed("sapheneia-forecast", "torch", "nvidia", "triton") == {"torch"}
