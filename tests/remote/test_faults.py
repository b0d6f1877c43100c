"""A service that is gone, or ends before its answer has."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.core.conftest import PREFIX, REQUEST
from tests.ports import free_port
from tests.remote.conftest import MakeGateway


@contextmanager
def dying(head: bytes) -> Iterator[str]:
    """A service that reads a request, sends `head` and ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_one_after_another() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as request:
                    lines = iter(request.readline, b"\r\n")
                    told = dict(line.lower().rstrip().split(b": ", 1) for line in lines if b": " in line)
                    request.read(int(told[b"content-length"]))  # what is left unread resets the connection
                    connection.sendall(head)

        thread = threading.Thread(target=serve_one_after_another)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n"])
def test_a_service_that_ends_before_its_answer_is_a_502(make_gateway: MakeGateway, head: bytes) -> None:
    with dying(head) as url:
        gateway = make_gateway(url)
        lost = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers={"X-Request-ID": "mine-2"})
        assert (lost.status_code, lost.json()["error"]) == (502, "MODEL_SERVICE_LOST")
        assert lost.headers["Content-Type"] == "application/problem+json"
        assert lost.headers["Retry-After"] == "1"
        assert lost.json()["instance"] == "mine-2"
        assert "127.0.0.1" not in lost.text
        gateway.close()


def test_an_answer_that_is_cut_is_cut_for_the_caller(make_gateway: MakeGateway) -> None:
    with dying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{") as url:
        gateway = make_gateway(url)
        with pytest.raises(httpx.RemoteProtocolError):
            gateway.post(f"{PREFIX}/inference", json=REQUEST)
        assert gateway.get("/health/live").json() == {"status": "alive"}


@pytest.mark.usefixtures("clock")  # which stands still: else a pause of this host would be one of the circuit
def test_a_service_that_is_not_there_is_a_503_and_then_not_even_asked(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(f"http://127.0.0.1:{free_port()}", initialize_on_start=("fake",))
    answers = [gateway.get(f"{PREFIX}/status") for _ in range(4)]
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {
        (503, "MODEL_SERVICE_UNAVAILABLE")
    }
    assert [answer.headers["Retry-After"] for answer in answers] == ["1", "1", "1", "5"]
    assert "tried again shortly" in answers[3].json()["detail"]
    assert "127.0.0.1" not in "".join(answer.text for answer in answers)
    gone = {"status": "error", "error": "MODEL_SERVICE_UNAVAILABLE"}
    assert gateway.get("/health").json()["models"]["fake"] == gone
    ready = gateway.get("/health/ready")
    assert (ready.status_code, ready.json()["models"]) == (503, {"fake": gone})
    assert gateway.get("/health/live").status_code == 200
    assert gateway.get("/forecast/v1/statsforecast/status").status_code == 200
