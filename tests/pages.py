"""Pages of the documentation, whose commands run as they stand."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"(?:<!-- not run: (\w+) -->\n)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    place: str
    reason: str
    language: str
    code: str


def fences(page: Path) -> list[Fence]:
    text = page.read_text()
    return [
        Fence(f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}", found[1], found[2], found[3])
        for found in FENCE.finditer(text)
    ]


def shell_script(page: Path, url: str) -> tuple[str, list[str]]:
    """Return all commands of a page as one script that ends at the first error, and their places."""
    lines = ["set -euo pipefail", 'curl() { command curl --noproxy "*" --fail-with-body "$@"; echo; }']
    places = []
    for fence in fences(page):
        if fence.language not in {"bash", "python"} or fence.reason:
            continue
        places.append(fence.place)
        code = fence.code.replace("http://127.0.0.1:8000", url)
        lines.append(f"echo 'at {fence.place}' >&2")
        lines += ["python - <<'PYTHON'", code, "PYTHON"] if fence.language == "python" else [code]
    return "\n".join(lines), places


def run_page(page: Path, url: str, folder: Path, **environment: str) -> tuple[list[str], str]:
    """Run a page's commands in a folder, with a gateway at a URL; return their places and what they say."""
    script, places = shell_script(page, url)
    search = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env={"PATH": search, "NO_PROXY": "*"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stderr}\n{ran.stdout[-2000:]}"
    assert [line[3:] for line in ran.stderr.splitlines() if line.startswith("at ")] == places
    return places, ran.stdout
