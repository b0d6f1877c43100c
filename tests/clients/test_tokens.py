"""Tokens of an issuer: a real server of public keys on loopback, or a secret."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.clients.conftest import bearer
from tests.clients.issuing import (
    AUDIENCE,
    EC_KEY,
    OTHER_KEY,
    RSA_KEY,
    SECRET,
    IssuerServer,
    claims,
    run_issuer,
)
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX

ISSUER = "https://issuer.example"


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with run_issuer() as server:
        yield server


@contextmanager
def accepting(make_app: MakeApp, **named: str) -> Iterator[TestClient]:
    """A gateway with settings of tokens."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in named.items():
            patch.setenv(f"JWT_{name}", value)
        app = make_app()
    with TestClient(app) as client:
        yield client


@pytest.fixture
def by_keys(make_app: MakeApp, issuer: IssuerServer) -> Iterator[TestClient]:
    """A gateway that accepts the tokens of an issuer with public keys."""
    with accepting(make_app, JWKS_URL=issuer.url, ISSUER=issuer.url, AUDIENCE=AUDIENCE) as client:
        yield client


@pytest.fixture
def by_secret(make_app: MakeApp) -> Iterator[TestClient]:
    """A gateway that accepts the tokens signed with a secret."""
    with accepting(make_app, SECRET=SECRET, ISSUER=ISSUER, AUDIENCE=AUDIENCE) as client:
        yield client


def me(client: TestClient, token: str) -> tuple[int, dict[str, Any]]:
    answer = client.get("/api/v1/me", headers=bearer(token))
    return answer.status_code, answer.json()


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(ISSUER, **changes), secret, algorithm=algorithm)


def by_hand(header: dict[str, Any], told: dict[str, Any], signature: bytes = b"") -> str:
    """Return a token as whoever forges one writes it."""
    parts = (json.dumps(header).encode(), json.dumps(told).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize(("key", "key_id", "algorithm"), [(RSA_KEY, "rsa", "RS256"), (EC_KEY, "ec", "ES256")])
def test_a_token_tells_its_client_and_role(
    by_keys: TestClient, issuer: IssuerServer, key: Any, key_id: str, algorithm: str
) -> None:
    status, told = me(by_keys, issuer.sign(key, key_id, algorithm, role="operator"))
    assert (status, told["client_id"], told["name"], told["role"]) == (200, "acme", "ann@acme", "operator")
    status, told = me(by_keys, issuer.sign(key, key_id, algorithm, sub=None, aud=["x", AUDIENCE]))
    assert (status, told["name"], told["role"]) == (200, "acme", "forecast")
    assert issuer.asked == 1


def test_a_token_signed_with_the_secret_is_accepted(by_secret: TestClient) -> None:
    status, told = me(by_secret, signed(role="admin"))
    assert (status, told["client_id"], told["role"]) == (200, "acme", "admin")
    assert by_secret.get("/api/v1/clients", headers=bearer(signed(role="admin"))).status_code == 200


def test_the_claims_of_client_and_role_have_the_names_that_the_settings_say(make_app: MakeApp) -> None:
    names = {"CLIENT_CLAIM": "tenant", "ROLE_CLAIM": "https://sapheneia/role"}
    with accepting(make_app, SECRET=SECRET, ISSUER=ISSUER, AUDIENCE=AUDIENCE, **names) as client:
        status, told = me(client, signed(tenant="beta", **{"https://sapheneia/role": "operator"}))
        assert (status, told["client_id"], told["role"]) == (200, "beta", "operator")
        assert me(client, signed())[0] == 401


WRONG: list[dict[str, Any]] = [
    {"exp": int(time.time()) - 60},
    {"exp": None},
    {"exp": "soon"},
    {"nbf": int(time.time()) + 86_400},
    {"aud": "another"},
    {"aud": None},
    {"aud": []},
    {"iss": "https://issuer.example.evil"},
    {"iss": None},
    {"client_id": None},
    {"client_id": "default"},
    {"client_id": "../acme"},
    {"client_id": "Acme"},
    {"client_id": 7},
    {"client_id": ["acme"]},
    {"role": "root"},
    {"role": ["admin"]},
    {"role": "Admin"},
    {"sub": 7},
    {"sub": "a\nb"},
    {"sub": "\ud800"},
    {"sub": "x" * 201},
]


@pytest.mark.parametrize("changes", WRONG)
def test_a_token_whose_claims_are_wrong_is_refused(by_secret: TestClient, changes: dict[str, Any]) -> None:
    token = jwt.api_jws.encode(json.dumps(claims(ISSUER, **changes)).encode(), SECRET, algorithm="HS256")
    status, told = me(by_secret, token)
    assert (status, told["error"]) == (401, "UNAUTHORIZED")


def test_a_token_that_has_just_expired_passes_as_clocks_differ(by_secret: TestClient) -> None:
    assert me(by_secret, signed(exp=int(time.time()) - 2))[0] == 200


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None])
def test_a_token_that_nobody_signed_is_refused(
    by_secret: TestClient, by_keys: TestClient, issuer: IssuerServer, name: str | None
) -> None:
    for client, who in ((by_secret, ISSUER), (by_keys, issuer.url)):
        for header in ({"alg": name}, {"alg": name, "kid": "rsa"}, {"typ": "JWT"}):
            assert me(client, by_hand(header, claims(who, role="admin")))[0] == 401
    assert issuer.asked == 0


def test_a_token_of_another_secret_or_algorithm_is_refused(by_secret: TestClient) -> None:
    right = signed()
    head, _, signature = right.split(".")
    body = by_hand({}, claims(ISSUER, role="admin")).split(".")[1]
    forged = [
        signed("another-secret-of-tokens-of-more-than-32-characters"),
        signed(SECRET * 2, "HS512"),
        jwt.encode(claims(ISSUER), RSA_KEY, algorithm="RS256"),
        f"{head}.{body}.{signature}",
        f"{head}.{body}.",
        right[:-2],
    ]
    assert me(by_secret, right)[0] == 200
    assert [me(by_secret, token)[0] for token in forged] == [401] * len(forged)


def test_the_public_key_is_no_secret_to_sign_with(by_keys: TestClient, issuer: IssuerServer) -> None:
    published = (
        RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(issuer.keys["rsa"]).encode(),
    )
    for public in published:
        unsigned = by_hand({"alg": "HS256", "kid": "rsa"}, claims(issuer.url, role="admin")).rpartition(".")[
            0
        ]
        signature = hmac.digest(public, unsigned.encode(), hashlib.sha256)
        token = f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        assert me(by_keys, token)[0] == 401
    assert issuer.asked == 0


def test_a_key_signs_with_its_own_algorithm_only(by_keys: TestClient, issuer: IssuerServer) -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    issuer.publish("small", small)
    issuer.publish("packing", OTHER_KEY, use="enc")
    issuer.keys["shared"] = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0" * 8}
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        weak = issuer.sign(small, "small", "RS256")
    forged = [
        issuer.sign(OTHER_KEY, "rsa", "RS256"),
        issuer.sign(RSA_KEY, "ec", "RS256"),
        issuer.sign(EC_KEY, "rsa", "ES256"),
        issuer.sign(RSA_KEY, "rsa", "RS512"),
        issuer.sign(RSA_KEY, "rsa", "PS256"),
        issuer.sign(RSA_KEY, None, "RS256"),
        issuer.sign(OTHER_KEY, "packing", "RS256"),
        issuer.sign(base64.urlsafe_b64decode("c2VjcmV0" * 8), "shared", "HS256"),
        weak,
    ]
    assert me(by_keys, issuer.sign(RSA_KEY, "rsa", "RS256"))[0] == 200
    assert [me(by_keys, token)[0] for token in forged] == [401] * len(forged)


def test_keys_that_the_issuer_has_not_are_asked_for_once(by_keys: TestClient, issuer: IssuerServer) -> None:
    forged = [issuer.sign(OTHER_KEY, f"key-{number}", "RS256") for number in range(20)]
    assert [me(by_keys, token)[0] for token in forged] == [401] * 20
    assert issuer.asked == 1


def test_an_issuer_that_cannot_be_reached_is_no_fault_of_the_caller(
    by_keys: TestClient, issuer: IssuerServer
) -> None:
    issuer.status = 500
    refused = by_keys.get("/api/v1/me", headers=bearer(issuer.sign(RSA_KEY, "rsa", "RS256")))
    assert (refused.status_code, refused.json()["error"]) == (503, "ISSUER_UNAVAILABLE")
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert by_keys.get("/api/v1/me", headers=AUTHORIZED).status_code == 200


def test_no_token_is_accepted_where_none_are_configured(make_app: MakeApp) -> None:
    with TestClient(make_app()) as client:
        assert [me(client, token)[0] for token in (signed(), by_hand({"alg": "none"}, {}))] == [401, 401]


def test_the_role_of_a_token_is_what_its_client_may_do(by_secret: TestClient) -> None:
    token = bearer(signed())
    tries = [
        by_secret.post(f"{PREFIX}/initialization", json={}, headers=token),
        by_secret.post(f"{PREFIX}/shutdown", headers=token),
        by_secret.post("/api/v1/clients", json={"client_id": "mine"}, headers=token),
    ]
    assert [one.status_code for one in tries] == [403, 403, 403]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "jwk"]), _JSON),
    told=st.dictionaries(
        st.sampled_from(["exp", "aud", "iss", "client_id", "role", "nbf", "iat", "jti"]), _JSON
    ),
    signs=st.booleans(),
)
def test_whatever_a_token_says_is_read_or_refused(
    by_secret: TestClient, header: dict[str, Any], told: dict[str, Any], signs: bool
) -> None:
    token = by_hand(header, told, b"x")
    if signs:
        payload = json.dumps(claims(ISSUER) | told).encode()
        token = jwt.api_jws.encode(payload, SECRET, algorithm="HS256")
    assert me(by_secret, token)[0] in ((200, 401) if signs else (401,))
