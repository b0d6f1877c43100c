"""What a visitor brought and made before: a note in each folder, small enough to be read at every visit."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ui.store import KINDS, Kind, Store

_NOTE = "note"
_MOST = 10


@dataclass(frozen=True, slots=True)
class Note:
    """A table or a result of a visitor's: what it is called, and when it was made."""

    owner: str
    title: str
    made: float

    @property
    def day(self) -> str:
        """When it was made, to the minute, in UTC."""
        return datetime.fromtimestamp(self.made, UTC).strftime("%Y-%m-%d %H:%M UTC")


def leave_note(store: Store, kind: Kind, folder: str, owner: str, title: str) -> None:
    """Keep in a folder whose it is, and what it is called."""
    store.write(kind, folder, _NOTE, asdict(Note(owner, title, time.time())))


def find_earlier(store: Store, owner: str) -> list[tuple[Kind, str, Note]]:
    """Return a visitor's tables and results with their folders, the newest first, ten at most."""
    own = (found for found in _notes(store) if found[2].owner == owner)
    return sorted(own, key=lambda found: found[2].made, reverse=True)[:_MOST]


def _notes(store: Store) -> Iterator[tuple[Kind, str, Note]]:
    for kind in KINDS:
        for folder, note in store.read_all(kind, _NOTE):
            yield kind, folder, Note(**note)
