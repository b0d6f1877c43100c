"""Write the tables of the documentation from the code, between `<!-- generated: NAME -->` and `<!-- end -->`.

`python scripts/document.py` rewrites them; with `--check` it names the pages that are stale and exits with 1.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.documentation import bodies, errors, models, settings

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- generated: (?P<name>[\w ]+) -->\n.*?<!-- end -->", re.DOTALL)
TABLES: dict[str, Callable[[str, Path], str]] = {
    "fields": bodies.write_fields,
    "models": models.write_models,
    "speeds": models.write_speeds,
    "errors": errors.write_errors,
    "limits": settings.write_limits,
    "initialization": bodies.write_initialization,
    "options": bodies.write_options,
    "settings": settings.write_settings,
    "page": settings.write_page,
    "tokens": settings.write_tokens,
    "capabilities": models.write_capabilities,
    "abilities": models.write_abilities,
    "covariates": models.write_covariates,
    "calendar": models.write_calendar,
}


def list_pages() -> list[Path]:
    """Return the pages that may have generated tables."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "forecast/models").glob("*/documentation/*.md")),
    ]


def rewrite(text: str, page: Path) -> str:
    """Return a page's text with its tables as the code is now."""

    def fill(block: re.Match[str]) -> str:
        kind, _, subject = block["name"].partition(" ")
        return f"<!-- generated: {block['name']} -->\n{TABLES[kind](subject, page)}\n<!-- end -->"

    return BLOCK.sub(fill, text)


def main(arguments: Sequence[str]) -> int:
    """Rewrite the pages, or with `--check` say which are stale; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing and exit with 1 if a page is stale"
    )
    check = parser.parse_args(arguments).check
    stale = []
    for page in list_pages():
        text = page.read_text()
        fresh = rewrite(text, page)
        if fresh != text:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(fresh)
    said = "stale" if check else "rewritten"
    sys.stdout.writelines(f"{said}: {page}\n" for page in stale)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
