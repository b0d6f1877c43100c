"""An issuer of tokens on loopback, and the tokens that it signs."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "sapheneia"
SECRET = "a-secret-of-tokens-of-more-than-32-characters"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def claims(issuer: str, **changes: Any) -> dict[str, Any]:
    """Return the claims of a token that is right; a change to None leaves one out."""
    right = {
        "client_id": "acme",
        "sub": "ann@acme",
        "aud": AUDIENCE,
        "iss": issuer,
        "exp": int(time.time()) + 60,
    }
    return {name: value for name, value in (right | changes).items() if value is not None}


@dataclass
class IssuerServer:
    """A server of public keys; it keeps how often it was asked, and answers `status` and `keys`."""

    url: str = ""
    status: int = 200
    keys: dict[str, Any] = field(default_factory=dict)
    asked: int = 0

    def publish(self, key_id: str, key: Any, **changes: Any) -> None:
        """Publish the public half of a key."""
        algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        told = json.loads(algorithm.to_jwk(key.public_key()))
        self.keys[key_id] = told | {"kid": key_id, "use": "sig"} | changes

    def sign(self, key: Any, key_id: str | None, algorithm: str, **changes: Any) -> str:
        """Return a token signed by a key."""
        header = {} if key_id is None else {"kid": key_id}
        return jwt.encode(claims(self.url, **changes), key, algorithm=algorithm, headers=header)

    def body(self) -> bytes:
        """Return what is answered."""
        return json.dumps({"keys": list(self.keys.values())}).encode()


@contextmanager
def run_issuer() -> Iterator[IssuerServer]:
    """Run an issuer that has an RSA key `rsa` and an elliptic one `ec`."""
    issuer = IssuerServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            content = issuer.body()
            self.send_response(issuer.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    issuer.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    issuer.publish("rsa", RSA_KEY)
    issuer.publish("ec", EC_KEY)
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
