"""Print pip's package sources as uv's environment variables, one `NAME=value` a line.

uv reads none of pip's configuration, so on a machine whose pip is told of a mirror, of extra indexes or of a
folder of wheels, uv has to be told as well. A variable that is already set stays as it is.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping


def read_pip_settings(listing: str) -> dict[str, list[str]]:
    """Return the words of each setting in the output of `pip config list`, by pip's own precedence."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        found.setdefault(section, {})[option] = str(ast.literal_eval(value)).split()
    settings = {**found.get("global", {}), **found.get("install", {}), **found.get(":env:", {})}
    return {option: words for option, words in settings.items() if words}


def as_uv_variables(pip: Mapping[str, list[str]]) -> dict[str, str]:
    """Return uv's variables for pip's settings; several indexes are searched as pip searches them."""
    uv = {}
    if "index-url" in pip:
        uv["UV_DEFAULT_INDEX"] = pip["index-url"][0]
    if "extra-index-url" in pip:
        uv["UV_INDEX"] = " ".join(pip["extra-index-url"])
        uv["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "find-links" in pip:
        uv["UV_FIND_LINKS"] = ",".join(pip["find-links"])
    if "cert" in pip:
        uv["SSL_CERT_FILE"] = pip["cert"][0]
    return uv


def list_pip_settings() -> str:
    """Return the output of `pip config list` of the first pip at hand; empty without any."""
    for python in (sys.executable, "python3"):
        asked = subprocess.run(  # noqa: S603 - the command is one of the two above
            [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout
    return ""


def main() -> None:
    """Print the variables that are not set yet."""
    for name, value in as_uv_variables(read_pip_settings(list_pip_settings())).items():
        if name not in os.environ:
            sys.stdout.write(f"{name}={value}\n")


if __name__ == "__main__":
    main()
