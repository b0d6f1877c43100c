"""Settings of tokens that do not fit together."""

import pytest
from pydantic import ValidationError

from forecast.clients.settings import TokenSettings
from forecast.core.config import describe_fault
from tests.clients.issuing import SECRET

URL = "https://issuer.example/jwks.json"
WHO = {"JWT_AUDIENCE": "sapheneia", "JWT_ISSUER": "https://issuer.example"}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"JWT_SECRET": "x" * 31} | WHO, "JWT_SECRET: Value error, must have at least 32 characters"),
        ({"JWT_SECRET": SECRET}, "together: Value error, JWT_JWKS_URL and JWT_SECRET need JWT_AUDIENCE"),
        ({"JWT_JWKS_URL": URL, "JWT_ISSUER": "x"}, "JWT_JWKS_URL and JWT_SECRET need JWT_AUDIENCE"),
        ({"JWT_JWKS_URL": URL, "JWT_SECRET": SECRET} | WHO, "JWT_JWKS_URL and JWT_SECRET exclude each other"),
        ({"JWT_AUDIENCE": "x"}, "JWT_AUDIENCE and JWT_ISSUER need JWT_JWKS_URL or JWT_SECRET"),
        ({"JWT_JWKS_URL": "file:///etc/passwd"} | WHO, "JWT_JWKS_URL: Value error, is no http(s) address"),
        ({"JWT_JWKS_URL": "https://user:hidden@issuer/"} | WHO, "is no http(s) address, or one with a user"),
    ],
)
def test_settings_that_do_not_fit_together_are_told_without_their_values(
    given: dict[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        TokenSettings()
    told = describe_fault(refused.value)
    assert fault in told
    assert "hidden" not in told
    assert SECRET not in told


def test_the_algorithms_are_those_of_a_secret_or_of_public_keys_and_never_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not TokenSettings().configured
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JWT_JWKS_URL", URL)
    assert TokenSettings().algorithms == ("RS256", "ES256")
    monkeypatch.delenv("JWT_JWKS_URL")
    monkeypatch.setenv("JWT_SECRET", SECRET)
    assert TokenSettings().algorithms == ("HS256",)
    assert SECRET not in repr(TokenSettings())
