"""What visitors have brought and made: a folder of JSON files for each table and each result."""

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from ui.errors import NotFoundError

Kind = Literal["tables", "runs"]
KINDS: tuple[Kind, ...] = ("tables", "runs")
_ID = re.compile(r"[0-9a-f]{32}")
_HOUR = 3600.0


class Store:
    """Folders under unguessable IDs that are removed when their lifetime is over."""

    def __init__(self, root: Path, lifetime_hours: float) -> None:
        self._root = root
        self._lifetime = lifetime_hours * _HOUR

    def make(self, kind: Kind) -> str:
        """Make an empty folder and return its ID."""
        made = secrets.token_hex(16)
        (self._root / kind / made).mkdir(parents=True, mode=0o700)
        return made

    def write(self, kind: Kind, folder: str, name: str, content: Mapping[str, Any]) -> None:
        """Put a JSON file into a folder, whole or not at all."""
        place = self._place(kind, folder) / f"{name}.json"
        draft = place.with_name(f"{name}.{secrets.token_hex(4)}.draft")
        draft.write_text(json.dumps(content, separators=(",", ":")), "utf-8")
        draft.replace(place)

    def read(self, kind: Kind, folder: str, name: str) -> dict[str, Any]:
        """Return a JSON file; raise NotFoundError where there is none, or no longer."""
        place = self._place(kind, folder) / f"{name}.json"
        if not place.is_file():
            raise NotFoundError("There is nothing here, or it was kept as long as this page keeps things.")
        found: dict[str, Any] = json.loads(place.read_text("utf-8"))
        return found

    def has(self, kind: Kind, folder: str, name: str) -> bool:
        """Return whether a folder has a JSON file of a name."""
        return (self._place(kind, folder) / f"{name}.json").is_file()

    def read_all(self, kind: Kind, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return the JSON files of a name, each with its folder; what is removed meanwhile is left out."""
        for place in (self._root / kind).glob(f"*/{name}.json"):
            with suppress(FileNotFoundError):
                yield place.parent.name, json.loads(place.read_text("utf-8"))

    def expired(self) -> Iterator[tuple[Kind, str]]:
        """Return the folders in which nothing was written for a lifetime."""
        oldest = time.time() - self._lifetime
        for kind in KINDS:
            for folder in (self._root / kind).glob("*"):
                if _ID.fullmatch(folder.name) and folder.stat().st_mtime < oldest:
                    yield kind, folder.name

    def remove(self, kind: Kind, folder: str) -> None:
        """Remove a folder with all that it holds."""
        shutil.rmtree(self._place(kind, folder))

    def _place(self, kind: Kind, folder: str) -> Path:
        place = self._root / kind / folder
        if not _ID.fullmatch(folder) or not place.is_dir():
            raise NotFoundError("There is nothing here, or it was kept as long as this page keeps things.")
        return place
