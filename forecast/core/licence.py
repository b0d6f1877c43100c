"""The licence of a checkpoint, and whether the caller has accepted one that forbids commercial use.

The licence is what the model card says (the front matter of README.md, or what the Hub tells of it), else
what is known of the repository, else what config.json says.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from forecast.core.adapter import ModelConfig
from forecast.core.errors import LicenceError

KNOWN = {
    "google/timesfm-3*": "timesfm-non-commercial-license-v1.0",
    "ibm-research/ttm-research*": "cc-by-nc-sa-4.0",
}
"""Licences of repositories, by patterns of their names."""

_LARGEST_FILE = 1_000_000
_LONGEST_ID = 100
_FORBIDS = re.compile(r"\b(nc|non-?commercial|research-only|academic-only)(?![a-z])")
_DASHES = re.compile(r"[\s_\u2010-\u2015]+")
_CREATIVE_COMMONS = re.compile(r"cc-(by[a-z-]*)-(\d\.\d)")


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence by its ID in small letters, and the address of its text where the checkpoint gives one.

    `others` are the IDs of those that a checkpoint states beside it and that forbid as much.
    """

    id: str
    link: str | None = None
    others: tuple[str, ...] = ()

    @property
    def forbids_commercial_use(self) -> bool:
        """Whether its ID says so, as `cc-by-nc-4.0` does."""
        return _FORBIDS.search(_DASHES.sub("-", self.id)) is not None


def require_acceptance(config: ModelConfig, licence: Licence | None) -> None:
    """Return where a checkpoint of this licence may be loaded so; raise LicenceError otherwise.

    One that forbids commercial use has to be accepted by its ID, and whatever is accepted has to be the
    checkpoint's own. A licence of None is one that nothing tells: there is nothing to accept.
    """
    accepted = config.accept_licence
    if accepted is None and not (licence and licence.forbids_commercial_use):
        return
    if licence is None:
        raise LicenceError(
            f"{config.source} states no licence, so '{accepted}' cannot be accepted; leave accept_licence"
            " out.",
            details={"licence": None},
        )
    if accepted is not None and _normalize(accepted) in (licence.id, *licence.others):
        return
    forbids = ", which forbids commercial use" if licence.forbids_commercial_use else ""
    instead = f", not '{accepted}'" if accepted is not None else ""
    place = _where_to_read(config, licence)
    raise LicenceError(
        f"The licence of {config.source} is '{licence.id}'{instead}{forbids}. Read it at {place}; if you"
        f' accept it, send "accept_licence": "{licence.id}" with the initialization.',
        details={"licence": licence.id, "read_at": place, "accept_licence": licence.id},
    )


def require_same_acceptance(loaded: ModelConfig, asked: ModelConfig) -> None:
    """Raise LicenceError where a model was loaded under a licence that this caller has not accepted too."""
    if loaded.accept_licence is not None:
        licence = Licence(_normalize(loaded.accept_licence))
        if licence.forbids_commercial_use:
            require_acceptance(asked, licence)


def licence_of_card(card: Mapping[str, Any], repository: str | None = None) -> Licence | None:
    """Return the licence that a model card's front matter states, else what is known of its repository."""
    stated = card.get("license")
    named = [*(stated if isinstance(stated, list) else [stated]), card.get("license_name")]
    # The Hub's `other` stands for a licence with a name of its own.
    ids = [text for text in map(_normalize, named) if text not in ("", "other")]
    if ids:
        forbidding = [text for text in ids if Licence(text).forbids_commercial_use]
        first, *others = forbidding or ids[:1]  # of several, the strictest
        return Licence(first, _address(card.get("license_link")), tuple(others))
    name = (repository or "").lower()
    return next((Licence(known) for pattern, known in KNOWN.items() if fnmatchcase(name, pattern)), None)


def licence_of_files(path: Path, repository: str | None = None) -> Licence | None:
    """Return the licence that a checkpoint's folder, or that of its file, tells; None where nothing does."""
    folder = path if path.is_dir() else path.parent
    return licence_of_card(_read_card(folder / "README.md"), repository) or licence_of_card(
        _read_config(folder / "config.json")
    )


def _normalize(value: object) -> str:
    return " ".join(value.split()).lower()[:_LONGEST_ID] if isinstance(value, str) else ""


def _address(value: object) -> str | None:
    usable = isinstance(value, str) and re.fullmatch(r"https?://\S{1,200}", value)
    return str(value) if usable else None


def _where_to_read(config: ModelConfig, licence: Licence) -> str:
    if licence.link is not None:
        return licence.link
    creative = _CREATIVE_COMMONS.fullmatch(licence.id)
    if creative is not None:
        return f"https://creativecommons.org/licenses/{creative[1]}/{creative[2]}/"
    if config.source_type == "hf":
        return f"https://huggingface.co/{config.checkpoint}"
    return "the files beside the weights"


def _read_card(file: Path) -> Mapping[str, Any]:
    if not _is_readable(file):
        return {}
    from huggingface_hub import metadata_load
    from yaml import YAMLError

    try:
        return metadata_load(file) or {}
    except (OSError, ValueError, RecursionError, YAMLError):
        return {}  # a card that cannot be read states no licence


def _read_config(file: Path) -> Mapping[str, Any]:
    if not _is_readable(file):
        return {}
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # the model's own reader says what is wrong with it
    return config if isinstance(config, dict) else {}


def _is_readable(file: Path) -> bool:
    return file.is_file() and file.stat().st_size <= _LARGEST_FILE
