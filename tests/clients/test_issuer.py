"""When an issuer is asked for its keys."""

import asyncio

import pytest

from forecast.clients.issuer import FRESH_SECONDS, PAUSE_SECONDS, STALE_SECONDS, Issuer
from forecast.core.errors import IssuerUnavailableError
from tests.clients.conftest import Clock
from tests.clients.issuing import OTHER_KEY, run_issuer


def find(issuer: Issuer, key_id: str) -> bool:
    return asyncio.run(issuer.find_key(key_id)) is not None


def test_an_issuer_is_asked_again_when_its_keys_are_old_or_one_is_new(clock: Clock) -> None:
    with run_issuer() as server:
        issuer = Issuer(server.url, clock)
        assert [find(issuer, name) for name in ("rsa", "ec", "new")] == [True, True, False]
        assert server.asked == 1
        server.publish("new", OTHER_KEY)
        assert not find(issuer, "new")
        clock.now += PAUSE_SECONDS
        assert find(issuer, "new")
        assert server.asked == 2
        del server.keys["rsa"]
        clock.now += FRESH_SECONDS
        assert not find(issuer, "rsa")
        assert server.asked == 3


def test_many_at_once_are_served_by_one_answer(clock: Clock) -> None:
    with run_issuer() as server:
        issuer = Issuer(server.url, clock)

        async def many() -> list[object]:
            return await asyncio.gather(*(issuer.find_key("rsa") for _ in range(50)))

        assert None not in asyncio.run(many())
        assert server.asked == 1


@pytest.mark.parametrize("answer", [b"[]", b"{}", b"nothing", b'{"keys": []}', b'{"keys": [{"kty": "x"}]}'])
def test_keys_that_are_known_go_on_while_the_issuer_answers_nothing_of_use(
    clock: Clock, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_issuer() as server:
        issuer = Issuer(server.url, clock)
        assert find(issuer, "rsa")
        monkeypatch.setattr(server, "body", lambda: answer)
        clock.now += FRESH_SECONDS
        for _ in range(3):
            assert find(issuer, "rsa")
        assert server.asked == 2
        with pytest.raises(IssuerUnavailableError) as refused:
            find(issuer, "new")
        assert refused.value.retry_after == PAUSE_SECONDS
        clock.now += STALE_SECONDS - FRESH_SECONDS
        with pytest.raises(IssuerUnavailableError):
            find(issuer, "rsa")
        monkeypatch.undo()
        clock.now += PAUSE_SECONDS
        assert find(issuer, "rsa")


def test_an_issuer_that_is_not_there_is_asked_once_in_a_while(clock: Clock) -> None:
    with run_issuer() as server:
        url = server.url
    issuer = Issuer(url, clock)
    for _ in range(2):
        with pytest.raises(IssuerUnavailableError):
            find(issuer, "rsa")
