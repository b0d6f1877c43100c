"""Signing what webhooks carry, after the Standard Webhooks specification."""

import base64
import binascii
from datetime import datetime

_PREFIX = "whsec_"
_LENGTHS = range(16, 257)


def read_secret(secret: str) -> bytes:
    """Return the key that a secret stands for: the bytes of `whsec_<base64>`, else the text in UTF-8.

    Raises ValueError, which says what is wrong and not what the secret is.
    """
    if not secret.startswith(_PREFIX):
        key = secret.encode()
    else:
        try:
            encoded = secret.removeprefix(_PREFIX)
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"what follows '{_PREFIX}' is not base64") from error
    if len(key) not in _LENGTHS:
        raise ValueError(f"a secret has {_LENGTHS[0]} to {_LENGTHS[-1]} bytes")
    return key


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows that a body is whole, who sent it and when."""
    from standardwebhooks import Webhook

    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(read_secret(secret)).sign(message_id, at, body.decode()),
    }
