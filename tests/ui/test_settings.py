from pathlib import Path

import pytest
from pydantic import ValidationError

from ui.settings import Settings, describe_fault


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_SECRET_KEY", "MAX_UPLOAD_SIZE", "UI_API_KEY", "UI_PORT", "UI_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_settings_come_from_the_environment_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").write_text("API_SECRET_KEY=of-the-gateway\nUI_PORT=9000\nUI_API_KEY=\nAPI_PORT=1\n")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "env"))

    assert Settings().api_key.get_secret_value() == "of-the-gateway"
    assert Settings().port == 9000
    monkeypatch.setenv("UI_API_KEY", "its-own")
    monkeypatch.setenv("UI_PORT", "9001")
    assert Settings().api_key.get_secret_value() == "its-own"
    assert Settings().port == 9001


def test_the_gateways_limit_of_uploads_is_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UPLOAD_SIZE", "7")

    assert Settings(api_key="k").max_upload_size == 7


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_page_of_this_host_needs_no_password(host: str) -> None:
    assert Settings(api_key="k", host=host).password is None


def test_beyond_this_host_a_page_needs_a_password_or_a_word_that_it_may_be_open() -> None:
    with pytest.raises(ValidationError, match="set UI_PASSWORD, or UI_ALLOW_OPEN=true"):
        Settings(api_key="k", host="0.0.0.0")

    assert Settings(api_key="k", host="0.0.0.0", allow_open=True).allow_open


def test_a_proxy_reaches_beyond_this_host_as_an_address_does() -> None:
    with pytest.raises(ValidationError, match="UI_TRUSTED_PROXY reaches beyond this host: set UI_PASSWORD"):
        Settings(api_key="k", trusted_proxy="127.0.0.1")
    assert not Settings(api_key="k", trusted_proxy="127.0.0.1", allow_open=True).is_local
    assert Settings(api_key="k").is_local
    assert Settings(api_key="k", host="0.0.0.0", password="secret").password


def test_faults_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UI_PORT", "80o80")

    with pytest.raises(ValidationError) as told:
        Settings()

    first, *faults = describe_fault(told.value).splitlines()
    assert first == "the settings in .env or the environment are not valid"
    assert [fault.partition(": ")[0].strip() for fault in faults] == ["UI_API_KEY", "UI_PORT"]
    assert "80o80" not in "".join(faults)
