"""What the log line of a request is to tell, noted by whoever learns it."""

from contextvars import ContextVar, Token


class Notes(dict[str, object]):
    """Facts by their names, in the order in which they came; as text `name=value`, those that are known."""

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.known().items())

    def known(self) -> dict[str, object]:
        """Return the facts without those that are None."""
        return {name: value for name, value in self.items() if value is not None}


_notes: ContextVar[Notes | None] = ContextVar("notes", default=None)


def begin_notes() -> tuple[Notes, Token[Notes | None]]:
    """Return the notes of a request that begins in this context, and what ends them."""
    notes = Notes()
    return notes, _notes.set(notes)


def end_notes(token: Token[Notes | None]) -> None:
    """Let what comes after belong to no request."""
    _notes.reset(token)


def note(**facts: object) -> None:
    """Note facts of the request that this context belongs to; outside of one, nothing happens."""
    notes = _notes.get()
    if notes is not None:
        notes.update(facts)


def read_note(name: str) -> object:
    """Return what was noted of the request by a name, or None."""
    notes = _notes.get()
    return None if notes is None else notes.get(name)
