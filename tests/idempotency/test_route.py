import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from tests.idempotency.conftest import Post, Shop

OWN = {"x-request-id", "x-process-time"}


def test_the_same_call_is_done_once_and_answered_byte_for_byte(post: Post, shop: Shop) -> None:
    first, second = post("one"), post("one")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content == "tea 1 \xe9".encode()
    assert shop.done == 1
    assert "Idempotency-Replayed" not in first.headers
    replayed = dict(second.headers)
    assert replayed.pop("idempotency-replayed") == "true"
    assert {k: v for k, v in replayed.items() if k not in OWN} == {
        k: v for k, v in first.headers.items() if k not in OWN
    }
    assert replayed["location"] == "/orders/1"


def test_a_call_without_a_key_is_done_every_time(shop_client: TestClient, shop: Shop) -> None:
    for _ in range(2):
        assert shop_client.post("/shop/orders", json={"what": "tea"}).status_code == 202
    assert shop.done == 2


def test_another_key_is_another_call(post: Post, shop: Shop) -> None:
    assert post("one").text != post("two").text
    assert shop.done == 2


def test_twenty_callers_at_once_get_one_answer(post: Post, shop: Shop) -> None:
    start = threading.Barrier(20)

    def ask(_: int) -> tuple[int, str]:
        start.wait()
        while (answer := post("same")).status_code == 409:
            assert answer.json()["error"] == "IDEMPOTENCY_IN_PROGRESS"
            threading.Event().wait(0.05)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {(202, "tea 1 \xe9")}
    assert shop.done == 1


def test_while_the_first_call_runs_others_are_told_to_come_back(post: Post, shop: Shop) -> None:
    shop.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, "one")
        assert shop.busy.wait(30)
        second = post("one")
        shop.go_on.set()
        assert first.result().status_code == 202
    assert (second.status_code, second.json()["error"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert second.headers["Retry-After"] == "1"


def test_another_body_is_refused(post: Post, shop: Shop) -> None:
    post("one")
    answer = post("one", "coffee")
    assert (answer.status_code, answer.json()["error"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert shop.done == 1


def test_another_address_is_refused(post: Post, shop: Shop) -> None:
    post("one")
    assert post("one", params={"a": "b"}).json()["error"] == "IDEMPOTENCY_MISMATCH"
    assert shop.done == 1


@pytest.mark.parametrize("accept", ["text/csv", "application/json", "text/csv, */*;q=0.5", "*/*;q=0.5"])
def test_another_kind_of_answer_is_refused(post: Post, shop: Shop, accept: str) -> None:
    post("one")
    answer = post("one", accept=accept)
    assert (answer.status_code, answer.json()["error"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert shop.done == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("*/*", ""),
        ("text/csv,*/*;q=0.5", "*/*; q=0.50 , Text/CSV"),
        ("application/json", "application/json;charset=utf-8"),
    ],
)
def test_the_same_kind_of_answer_may_be_asked_for_in_other_words(
    post: Post, shop: Shop, first: str, second: str
) -> None:
    assert post("one", accept=first).content == post("one", accept=second).content
    assert shop.done == 1


def test_the_callers_faults_are_answers_too(post: Post, shop: Shop) -> None:
    first, second = post("one", "nothing"), post("one", "nothing")
    assert (first.status_code, second.status_code) == (404, 404)
    assert first.content == second.content
    assert second.headers["Idempotency-Replayed"] == "true"
    assert shop.done == 1


@pytest.mark.parametrize(("what", "status"), [("much", 503), ("often", 429), ("bug", 500)])
def test_what_may_go_better_the_next_time_frees_the_key(
    post: Post, shop: Shop, what: str, status: int
) -> None:
    assert [post("one", what).status_code for _ in range(2)] == [status, status]
    assert shop.done == 2
    assert post("one").status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "t\u00e9", "a\tb"])
def test_what_is_no_key_is_refused(post: Post, shop: Shop, key: str) -> None:
    answer = post(key.encode("latin-1"))
    assert (answer.status_code, answer.json()["error"]) == (422, "REQUEST_INVALID")
    assert "Idempotency-Key" in answer.json()["detail"]
    assert shop.done == 0


def test_the_longest_key_is_taken(post: Post, shop: Shop) -> None:
    assert [post(" ~" + "x" * 252 + "!").status_code for _ in range(2)] == [202, 202]
    assert shop.done == 1


def test_without_the_api_key_nothing_is_taken(post: Post, shop: Shop, shop_client: TestClient) -> None:
    given = shop_client.headers.pop("Authorization")
    assert post("one").status_code == 401
    shop_client.headers["Authorization"] = given
    assert post("one").status_code == 202
    assert shop.done == 1
