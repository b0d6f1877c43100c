from typing import Any

import pytest
from pydantic import ValidationError

from forecast.core.errors import ForbiddenError, RequestError
from forecast.jobs.webhooks.schemas import Webhook
from forecast.jobs.webhooks.sending import Outcome, check_receiver, send
from forecast.jobs.webhooks.settings import WebhookSettings
from forecast.jobs.webhooks.signature import read_secret
from tests.jobs.webhooks.receiver import Receiver

pytestmark = pytest.mark.anyio


def allowing(*networks: str, **more: Any) -> WebhookSettings:
    return WebhookSettings(webhook_allowed_networks=networks, **more)


LOCAL = allowing("127.0.0.0/8")


def resolver(*answers: str) -> Any:
    """A name server that answers with each address in turn."""
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return [left.pop(0)]

    return resolve


async def test_what_is_asked_for_is_what_the_url_says(receiver: Receiver) -> None:
    assert await send(receiver.url, {"webhook-id": "m"}, b"{}", LOCAL) == Outcome()
    ((headers, body),) = receiver.received
    assert (headers["webhook-id"], headers["content-type"], body) == ("m", "application/json", b"{}")
    assert headers["host"] == receiver.url.split("/")[2]


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_any_status_of_success_takes_it(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, {})]
    assert await send(receiver.url, {}, b"{}", LOCAL) == Outcome()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, {"Location": receiver.url}), (200, {})]
    assert await send(receiver.url, {}, b"{}", LOCAL) == Outcome(
        f"The receiver answered with status {status}."
    )
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("header", "wait"), [("120", 120.0), ("9" * 300, 0.0), ("999999", 86_400.0), ("soon", 0.0), ("", 0.0)]
)
async def test_a_receiver_that_asks_for_time_gets_it(receiver: Receiver, header: str, wait: float) -> None:
    receiver.answers = [(503, {"Retry-After": header})]
    outcome = await send(receiver.url, {}, b"{}", LOCAL)
    assert outcome == Outcome("The receiver answered with status 503.", wait=wait)


async def test_a_receiver_that_is_gone_is_final(receiver: Receiver) -> None:
    receiver.answers = [(410, {})]
    assert (await send(receiver.url, {}, b"{}", LOCAL)).final


async def test_a_name_that_changes_after_it_was_checked_leads_nowhere(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    url = f"http://rebound.test:{port}/"
    resolve = resolver("93.184.215.14", "127.0.0.1")
    await check_receiver(url, allowing(), resolve)
    outcome = await send(url, {}, b"{}", allowing(), resolve)
    assert outcome.error is not None
    assert "WEBHOOK_ALLOWED_NETWORKS" in outcome.error
    assert receiver.received == []


async def test_a_server_that_is_not_there_is_told() -> None:
    outcome = await send("http://127.0.0.1:1/", {}, b"{}", LOCAL)
    assert outcome == Outcome("The receiver could not be reached: no connection could be made.")


async def test_a_name_that_is_not_known_is_told() -> None:
    outcome = await send("http://no-such-host.invalid/", {}, b"{}", LOCAL)
    assert outcome == Outcome("The host 'no-such-host.invalid' of the webhook's URL is not known.")
    with pytest.raises(RequestError, match="not known"):
        await check_receiver("http://no-such-host.invalid/", LOCAL)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "[::1]",
        "[fd00::1]",
        "0x7f.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ],
)
async def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(ForbiddenError, match="WEBHOOK_ALLOWED_NETWORKS"):
        await check_receiver(f"http://{host}/", allowing())


async def test_allowed_networks_are_allowed() -> None:
    await check_receiver("http://10.1.2.3:8080/", allowing("10.0.0.0/8"))
    with pytest.raises(ForbiddenError):
        await check_receiver(
            "http://11.0.0.1.10.0.0.1.nip.invalid/", allowing("10.0.0.0/8"), resolver("192.168.0.1")
        )


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("sixteen bytes ok", b"sixteen bytes ok"),
        ("whsec_MDEyMzQ1Njc4OWFiY2RlZg==", b"0123456789abcdef"),
        ("whsec_MDEyMzQ1Njc4OWFiY2RlZg", b"0123456789abcdef"),
    ],
)
def test_a_secret_is_text_or_base64(secret: str, key: bytes) -> None:
    assert read_secret(secret) == key
    assert Webhook(url="https://receiver.test", secret=secret).secret.get_secret_value() == secret


@pytest.mark.parametrize(
    "secret", ["fifteen bytes..", "x" * 257, "whsec_", "whsec_AAAA", "whsec_not base64 at all"]
)
def test_what_is_no_secret_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Webhook(url="https://receiver.test", secret=secret)
    assert secret not in " ".join(error["msg"] for error in raised.value.errors())


def test_a_webhook_does_not_show_its_secret() -> None:
    webhook = Webhook(url="https://receiver.test", secret="a secret of sixteen")
    assert "sixteen" not in f"{webhook!r}{webhook.model_dump_json()}"
