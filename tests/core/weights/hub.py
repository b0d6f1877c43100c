"""A Hub on loopback: what its genuine client asks for, with files that come as far as a test lets them."""

import hashlib
import json
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

PIECE = 64 * 1024


@dataclass
class Stop:
    """A place in a file at which the server waits for the test, and then goes on or hangs up."""

    at: int
    hang_up: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@dataclass
class Hub:
    """Repositories as name -> revision -> file -> content, and what was asked of them."""

    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=lambda: defaultdict(dict))
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, file (or API path) and range of each request."""
    stops: dict[str, Stop] = field(default_factory=dict)
    """Stops by file; each counts once."""
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The data of model cards, by repository."""
    takes_ranges: bool = True
    tells_sizes: bool = True
    fails_with: int | None = None
    """The status that the Hub answers everything with."""

    def publish(self, repository: str, files: dict[str, bytes], revision: str = "main") -> None:
        self.repositories[repository][revision] = files

    def ranges(self, name: str) -> list[str | None]:
        """The ranges in which a file was fetched."""
        return [wanted for method, path, wanted in self.asked if (method, path) == ("GET", name)]

    def find(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return commit and files of a revision, which a commit names too."""
        for name, files in self.repositories.get(repository, {}).items():
            commit = hashlib.sha1(f"{repository}@{name}".encode() + b"".join(files.values())).hexdigest()
            if revision in (name, commit):
                return commit, files
        return None


def is_large(name: str) -> bool:
    return not name.endswith(".json")


def sum_of(name: str, content: bytes) -> str:
    """The ETag of a file: its SHA-256 when it is large, else the sum that git gives it."""
    if is_large(name):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as huggingface.co does, for one hub."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.hub.fails_with is not None:
            self._send_head(self.hub.fails_with, {"Content-Length": "0"})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            self._tell(path, *match.groups())
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._send_file(*match.groups())
        else:
            self._refuse("EntryNotFound")

    def _tell(self, path: str, repository: str, what: str | None, revision: str | None) -> None:
        self.hub.asked.append((self.command, path, None))
        if repository not in self.hub.repositories:
            return self._refuse("RepoNotFound")
        found = self.hub.find(repository, revision or "main")
        if found is None:
            return self._refuse("RevisionNotFound")
        commit, files = found
        body: Any = [_entry(name, content) for name, content in files.items()]
        if what != "tree":
            told = self.hub.tells_sizes
            siblings = [
                _sibling(name, content) if told else {"rfilename": name} for name, content in files.items()
            ]
            card = self.hub.cards.get(repository)
            body = {"id": repository, "sha": commit, "siblings": siblings, "cardData": card}
        content = json.dumps(body).encode()
        self._send_head(200, {"Content-Length": str(len(content)), "Content-Type": "application/json"})
        self.wfile.write(content)
        return None

    def _send_file(self, repository: str, revision: str, name: str) -> None:
        wanted = self.headers.get("Range")
        self.hub.asked.append((self.command, name, wanted))
        found = self.hub.find(repository, revision)
        if found is None or name not in found[1]:
            return self._refuse("EntryNotFound")
        commit, files = found
        content = files[name]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.hub.takes_ranges else 0
        head = {
            "Content-Length": str(len(content) - start),
            "ETag": f'"{sum_of(name, content)}"',
            "X-Repo-Commit": commit,
        }
        self._send_head(206 if start else 200, head)
        if self.command == "GET":
            self._send_from(name, content, start)
        return None

    def _send_from(self, name: str, content: bytes, start: int) -> None:
        stop = self.hub.stops.pop(name, None)
        if stop is not None:
            self.wfile.write(content[start : stop.at])
            self.wfile.flush()
            stop.reached.set()
            assert stop.released.wait(90), "the test never released the server"
            if stop.hang_up:
                self.close_connection = True
                return
            start = stop.at
        try:
            for place in range(start, len(content), PIECE):
                self.wfile.write(content[place : place + PIECE])
        except ConnectionError:  # the client has gone, as in a test of cancelling
            self.close_connection = True

    def _refuse(self, code: str) -> None:
        self._send_head(404, {"Content-Length": "0", "X-Error-Code": code})

    def _send_head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "file",
        "path": name,
        "size": len(content),
        "oid": sum_of("x.json", content),
    }
    if is_large(name):
        entry["lfs"] = {"oid": sum_of(name, content), "size": len(content), "pointerSize": 130}
    return entry


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": sum_of("x.json", content)}
    if is_large(name):
        sibling["lfs"] = {"sha256": sum_of(name, content), "size": len(content), "pointerSize": 130}
    return sibling


def serve(hub: Hub) -> ThreadingHTTPServer:
    """Return a server of a hub, on a free port; its caller runs and closes it."""
    return ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
