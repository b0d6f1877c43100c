"""Keys: 256 random bits, of which the gateway keeps the hash alone."""

import hashlib
import re
import secrets

_BYTES = 32
_SHAPE = re.compile(r"sph_[A-Za-z0-9_-]{43}", re.ASCII)


def make_key() -> str:
    """Return a new key."""
    return f"sph_{secrets.token_urlsafe(_BYTES)}"


def is_key(given: str) -> bool:
    """Return whether a text could be a key."""
    return _SHAPE.fullmatch(given) is not None


def hash_key(key: str) -> str:
    """Return what is kept of a key; no salt or slow hash is needed where nobody can guess it."""
    return hashlib.sha256(key.encode()).hexdigest()
