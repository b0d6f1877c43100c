from typing import Any

import pytest
from pydantic import ValidationError

from forecast.core.config import Settings, describe_fault
from tests.conftest import KEY, MakeApp


def read(monkeypatch: pytest.MonkeyPatch, value: str) -> dict[str, str]:
    monkeypatch.setenv("MODEL_SERVICE_URLS", value)
    return Settings(api_secret_key=KEY).model_service_urls


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ("", {}),
        ("timesfm20=http://forecast-timesfm20:8001", {"timesfm20": "http://forecast-timesfm20:8001"}),
        (
            " chronos = https://models.example/ , prophet=http://[::1]:8003,",
            {"chronos": "https://models.example", "prophet": "http://[::1]:8003"},
        ),
    ],
)
def test_services_are_written_as_pairs_with_commas(
    monkeypatch: pytest.MonkeyPatch, value: str, read_as: dict[str, str]
) -> None:
    assert read(monkeypatch, value) == read_as


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("http://host:8001", "timesfm20=http://host:8001"),
        ("timesfm20", "timesfm20=http://host:8001"),
        ("=http://host:8001", "timesfm20=http://host:8001"),
        ("prophet=http://a:1,prophet=http://b:1", "the model 'prophet' twice"),
        ("prophet=ftp://host", "the address of prophet is no http"),
        ("prophet=host:8003", "the address of prophet"),
        ("prophet=http://", "the address of prophet"),
        ("prophet=http://:8003", "the address of prophet"),
        ("prophet=http://host:0", "the address of prophet"),
        ("prophet=http://host:99999", "the address of prophet"),
        ("prophet=http://host:8003/forecast", "the address of prophet"),
        ("prophet=http://host:8003?x=1", "the address of prophet"),
        ("prophet=http://host:8003#x", "the address of prophet"),
        ("prophet=http://me:hunter2@host:8003", "the address of prophet"),
        ("prophet=http://ho st:8003", "the address of prophet"),
        ("prophet=http://[::1:8003", "the address of prophet"),
    ],
)
def test_what_is_no_pair_of_a_model_and_a_url_refuses_to_start(
    monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, value)
    text = describe_fault(refused.value)
    assert "MODEL_SERVICE_URLS" in text
    assert told in text
    assert "hunter2" not in text


@pytest.mark.parametrize("model_id", ["timesfm21", "timesfm3"])
def test_a_service_of_a_model_that_is_not_active_refuses_to_start(make_app: MakeApp, model_id: str) -> None:
    with pytest.raises(ValueError, match=f"MODEL_SERVICE_URLS names no model: '{model_id}'"):
        make_app(model_service_urls={model_id: "http://host:8001"})


@pytest.mark.parametrize(("model_name", "here"), [("all", False), ("fake", True)])
def test_a_process_of_one_model_serves_it_itself_so_that_all_can_share_their_settings(
    make_app: MakeApp, model_name: str, here: bool
) -> None:
    changes: dict[str, Any] = {"model_service_urls": {"fake": "http://host:8001"}, "model_name": model_name}
    assert ("fake" in make_app(**changes).state.services) is here
