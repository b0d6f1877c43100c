"""A real nginx with the shipped configuration, in front of a real gateway and a real page."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.conftest import KEY, ROOT
from tests.page.conftest import PATIENCE_SECONDS, Service, until
from tests.ports import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
SHIPPED = ROOT / "deploy" / "nginx" / "sapheneia.conf"
API, PAGE = "api.forecast.example.org", "forecast.example.org"

pytestmark = pytest.mark.skipif(
    NGINX is None and "CI" not in os.environ, reason="nginx is not on the PATH (apt install nginx-light)"
)


class Proxy:
    """nginx on free ports; `ask` calls one of its names over TLS."""

    def __init__(self, folder: Path, gateway: Service, page: Service) -> None:
        self.http, self.https = free_port(), free_port()
        self._folder = folder
        self._configure(gateway, page)

    def _configure(self, gateway: Service, page: Service) -> None:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={PAGE}"),
                *("-keyout", str(self._folder / "key"), "-out", str(self._folder / "pem")),
            ],
            check=True,
            capture_output=True,
        )
        text = SHIPPED.read_text()
        for shipped, own in (
            ("127.0.0.1:8000", f"127.0.0.1:{gateway.port}"),
            ("127.0.0.1:8080", f"127.0.0.1:{page.port}"),
            ("/etc/nginx/tls/sapheneia.pem", str(self._folder / "pem")),
            ("/etc/nginx/tls/sapheneia.key", str(self._folder / "key")),
            ("listen 80;", f"listen 127.0.0.1:{self.http};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.https} ssl;"),
        ):
            assert shipped in text
            text = text.replace(shipped, own)
        (self._folder / "sapheneia.conf").write_text(text)
        temporary = "".join(
            f"{kind}_temp_path {self._folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self._folder / "nginx.conf").write_text(
            f"daemon off; pid {self._folder}/pid; error_log {self._folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary} include {self._folder}/sapheneia.conf; }}\n"
        )
        (self._folder / "error.log").touch()

    def command(self, *more: str) -> list[str]:
        assert NGINX is not None, "nginx is not on the PATH"
        log = str(self._folder / "error.log")
        return [NGINX, "-e", log, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf"), *more]

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        transport = httpx.HTTPTransport(verify=False, local_address=address)
        return httpx.Client(
            transport=transport, base_url=f"https://127.0.0.1:{self.https}", timeout=PATIENCE_SECONDS
        )

    def ask(self, name: str, path: str, address: str = "127.0.0.1", **headers: str) -> httpx.Response:
        with self.client(address) as client:
            return client.get(path, headers={"Host": name, **headers})


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    shared = {"ENV_FILE": os.devnull, "API_SECRET_KEY": KEY, "HF_HUB_OFFLINE": "1"}
    own = {"LOG_DIR": str(folder), "DATABASE_URL": f"sqlite:///{folder}/sapheneia.db"}
    port = free_port()
    gateway = Service(
        [sys.executable, "-m", "scripts.serve", "forecast.main:app", "--port", str(port)],
        port,
        {**shared, **own, "INITIALIZE_ON_START": "none", "RATE_LIMIT_PER_MINUTE": "3"},
        folder / "gateway.log",
    )
    port = free_port()
    page = Service(
        [sys.executable, "-m", "ui"],
        port,
        {
            **shared,
            "UI_API_BASE_URL": gateway.url,
            "UI_PORT": str(port),
            "UI_PASSWORD": "the password of this test",
            "UI_STATE_DIR": str(folder / "page"),
            "UI_TRUSTED_PROXY": "127.0.0.1",
        },
        folder / "page.log",
    )
    started = Proxy(folder, gateway, page)
    with ExitStack() as ends:
        for service in (gateway, page):
            ends.callback(service.stop)
            service.start()
        process = subprocess.Popen(started.command())
        ends.callback(process.wait, PATIENCE_SECONDS)
        ends.callback(process.terminate)
        until((folder / "pid").exists)
        yield started


def test_nginx_finds_nothing_wrong_with_the_configuration(proxy: Proxy) -> None:
    told = subprocess.run(proxy.command("-t"), capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "warn" not in told.stderr


def test_the_gateway_and_the_page_answer_over_tls_under_their_names(proxy: Proxy) -> None:
    gateway, page = proxy.ask(API, "/health"), proxy.ask(PAGE, "/login")
    assert gateway.json()["status"] == "healthy"
    assert "password" in page.text
    for answer in (gateway, page):
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_who_comes_without_tls_is_sent_to_it(proxy: Proxy) -> None:
    url = f"http://127.0.0.1:{proxy.http}/x?y=1"
    answer = httpx.get(url, headers={"Host": API}, trust_env=False, timeout=PATIENCE_SECONDS)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{API}/x?y=1")


def test_a_websocket_goes_through(proxy: Proxy) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with (
        connect(
            f"wss://{API}/api/v1/ws/jobs/none",
            ssl=trusting,
            sock=socket.create_connection(("127.0.0.1", proxy.https), source_address=("127.0.0.4", 0)),
            additional_headers={"Authorization": f"Bearer {KEY}"},
            origin=Origin(f"https://{API}"),
            open_timeout=PATIENCE_SECONDS,
        ) as opened,
        pytest.raises(ConnectionClosed) as closed,
    ):
        opened.recv(timeout=PATIENCE_SECONDS)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4404, "There is no job 'none'.")


def test_the_metrics_are_not_for_everybody(proxy: Proxy) -> None:
    assert proxy.ask(API, "/metrics").status_code == 404


def test_a_body_that_is_too_large_for_anything_is_refused_in_the_gateways_own_words(proxy: Proxy) -> None:
    with proxy.client() as client:
        answer = client.post("/api/v1/uploads", content=b"x" * (52 * 1024**2), headers={"Host": API})
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert answer.json()["error"] == "TOO_LARGE"


def test_a_caller_cannot_say_to_be_somebody_else(proxy: Proxy) -> None:
    seen = [proxy.ask(API, "/info", **{"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(4)]
    assert seen == [200, 200, 200, 429]
    # Somebody else truly is: the quota is counted by the address that nginx saw.
    assert proxy.ask(API, "/info", address="127.0.0.2").status_code == 200


def test_attempts_at_the_pages_password_are_counted_by_the_visitors_address(proxy: Proxy) -> None:
    assert [_attempt(proxy, "127.0.0.1") for _ in range(6)] == [401, 401, 401, 401, 401, 429]
    assert _attempt(proxy, "127.0.0.3") == 401


def _attempt(proxy: Proxy, address: str) -> int:
    headers = {"Host": PAGE, "X-Forwarded-For": "10.1.1.1", "Referer": f"https://{PAGE}/login"}
    with proxy.client(address) as client:
        token = re.search(
            r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login", headers=headers).text
        )
        assert token is not None
        form = {"password": "wrong", "csrf_token": token[1]}
        # nginx has another port here than the name says, so the cookie is carried by hand.
        return client.post("/login", data=form, headers=headers).status_code
