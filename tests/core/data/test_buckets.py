"""What holds for each kind of bucket, against a server of that kind on loopback."""

import gzip
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import numpy as np
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from forecast.core.config import Settings
from forecast.core.data.selection import Selection
from forecast.core.data.source import fetch_table
from forecast.core.data.transfer import MeteredLoop
from forecast.core.errors import DataError, ForbiddenError, TooLargeError
from forecast.core.principal import DEFAULT_CLIENT
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.data.buckets import BUCKET, CSV, Bucket, as_parquet, stacked
from tests.ports import free_port

pytestmark = pytest.mark.anyio
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
Make = Callable[..., Settings]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def gcs_emulator() -> Iterator[str]:
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    yield f"http://127.0.0.1:{server._api._httpd.server_address[1]}"
    server.stop()


@pytest.fixture(scope="module")
def azurite() -> Iterator[str]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob is not on the PATH (npm install azurite)")
    port = str(free_port())
    options = ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    process = subprocess.Popen([program, "--blobHost", "127.0.0.1", "--blobPort", port, *options])
    while True:
        try:
            socket.create_connection(("127.0.0.1", int(port))).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None, "azurite did not start"
            threading.Event().wait(0.05)
    yield f"http://127.0.0.1:{port}/devstoreaccount1"
    process.terminate()
    process.wait()


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)

    def put(key: str, content: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=key, Body=content)

    return Bucket("s3", put)


@pytest.fixture
def gs(gcs_emulator: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_emulator)

    def put(key: str, content: bytes) -> None:
        path = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(key, safe='')}"
        urlopen(Request(gcs_emulator + path, content, {"Content-Type": "text/plain"})).close()

    return Bucket("gs", put)


@pytest.fixture
def az(azurite: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient

    account = (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};BlobEndpoint={azurite};"
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", account)
    client = BlobServiceClient.from_connection_string(account)
    with suppress(ResourceExistsError):
        client.create_container(BUCKET)

    def put(key: str, content: bytes) -> None:
        client.get_blob_client(BUCKET, key).upload_blob(content, overwrite=True)

    return Bucket("az", put)


@pytest.fixture(params=["s3", "gs", "az"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    found: Bucket = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def reading(make_settings: Make) -> Make:
    def make(**changes: Any) -> Settings:
        allowed = f"s3://{BUCKET}/*,gs://{BUCKET}/*,az://{BUCKET}/*"
        return make_settings(**({"data_buckets_allowed": allowed} | changes))

    return make


@pytest.mark.parametrize("key", ["x.csv", "a/b c+ü@1%20=&.csv", "2024/[01]*.csv"])
async def test_an_object_is_read_by_its_literal_key(bucket: Bucket, reading: Make, key: str) -> None:
    bucket.put(key, CSV)
    table = await fetch_table(bucket.url(key), None, reading(), DEFAULT_CLIENT)
    assert table.frame.to_dict("list") == {"date": ["2024-01-01", "2024-01-02"], "y": ["1", "2"]}


async def test_a_format_is_told_by_content_and_name(bucket: Bucket, reading: Make) -> None:
    bucket.put("x.json", b'{"y": [1, 2.5]}')
    bucket.put("wide.txt", stacked(1, 5))
    assert (await fetch_table(bucket.url("x.json"), None, reading(), DEFAULT_CLIENT)).frame["y"].tolist() == [
        1,
        2.5,
    ]
    assert (await fetch_table(bucket.url("wide.txt"), None, reading(), DEFAULT_CLIENT)).frame[
        "id"
    ].tolist() == ["s000"] * 5


async def test_an_object_larger_than_the_first_request_is_whole(bucket: Bucket, reading: Make) -> None:
    rows = [f"{place},{place * place}" for place in range(30_000)]
    bucket.put("long.csv", "\n".join(["x,y", *rows]).encode())
    frame = (await fetch_table(bucket.url("long.csv"), None, reading(), DEFAULT_CLIENT)).frame
    assert frame["y"].tolist() == [str(place * place) for place in range(30_000)]


async def test_an_object_of_the_limit_is_read_and_one_byte_more_is_too_large(
    bucket: Bucket, reading: Make, loops: list[MeteredLoop]
) -> None:
    size = 300_000
    bucket.put("long.csv", b"x\n" * (size // 2))
    assert (
        len(
            (
                await fetch_table(bucket.url("long.csv"), None, reading(max_upload_size=size), DEFAULT_CLIENT)
            ).frame
        )
        == size // 2 - 1
    )
    with pytest.raises(TooLargeError, match=r"has 300000 bytes; the limit is 299999"):
        await fetch_table(bucket.url("long.csv"), None, reading(max_upload_size=size - 1), DEFAULT_CLIENT)
    assert size < loops[0].received < size + 20_000
    assert loops[1].received < 100_000


@pytest.mark.parametrize("key", ["nope.csv", "folder"])
async def test_an_object_that_is_not_there_is_an_error_of_the_data(
    bucket: Bucket, reading: Make, key: str
) -> None:
    bucket.put("folder/x.csv", CSV)
    with pytest.raises(DataError) as caught:
        await fetch_table(bucket.url(key), None, reading(), DEFAULT_CLIENT)
    assert caught.value.detail == f"Data error: There is no object {bucket.url(key)}."


@pytest.mark.parametrize("bucket", ["s3", "az"], indirect=True)  # the emulator of gs:// takes none
async def test_an_empty_object_is_an_empty_file(bucket: Bucket, reading: Make) -> None:
    bucket.put("empty.csv", b"")
    with pytest.raises(DataError, match="The file is empty"):
        await fetch_table(bucket.url("empty.csv"), None, reading(), DEFAULT_CLIENT)


async def test_a_bucket_that_the_settings_do_not_allow_is_forbidden(
    bucket: Bucket, make_settings: Make
) -> None:
    bucket.put("x.csv", CSV)
    with pytest.raises(ForbiddenError, match="DATA_BUCKETS_ALLOWED"):
        await fetch_table(bucket.url("x.csv"), None, make_settings(), DEFAULT_CLIENT)


async def test_one_series_of_a_large_file_is_a_small_part_of_its_bytes(
    bucket: Bucket, reading: Make, loops: list[MeteredLoop]
) -> None:
    content = stacked(groups=100, rows=4000, extra=6)
    assert len(content) > 20_000_000
    bucket.put("large.parquet", content)
    selection = Selection({"id": "id", "y": "target"}, series_ids=("s042",))
    table = await fetch_table(
        bucket.url("large.parquet"), None, reading(max_upload_size=1_000_000), DEFAULT_CLIENT, selection
    )
    assert list(table.frame.columns) == ["id", "date", "y"]
    assert table.frame["id"].tolist() == ["s042"] * 4000
    assert table.frame.index.tolist() == list(range(42 * 4000, 43 * 4000))
    assert loops[0].received < len(content) / 50


@pytest.mark.parametrize("bucket", ["s3", "gs"], indirect=True)
def test_a_request_forecasts_the_series_it_names_of_a_bucket(bucket: Bucket, make_app: MakeApp) -> None:
    bucket.put("few.parquet", stacked(3, 50))
    body = {
        "data_source_url_or_path": bucket.url("few.parquet"),
        "data_definition": {"id": "id", "y": "target"},
        "parameters": {"horizon_len": 2, "series_ids": ["s002", "s001"]},
    }
    with TestClient(
        make_app(data_buckets_allowed=f"{bucket.scheme}://{BUCKET}/*"), headers=AUTHORIZED
    ) as client:
        client.post("/forecast/v1/fake/initialization", json={})
        answer = client.post("/forecast/v1/fake/inference", json=body)
        body["parameters"] = {"series_ids": ["s002", "s9"]}
        unknown = client.post("/forecast/v1/fake/inference", json=body)
    assert answer.status_code == 200
    assert answer.json()["prediction"]["series_ids"] == ["s001", "s002"]
    assert (unknown.status_code, unknown.json()["error"]) == (400, "DATA_INVALID")
    assert unknown.json()["detail"].startswith("Data error: Column 'id' has no series 's9'")


async def test_a_footer_longer_than_the_usual_tail_is_read(s3: Bucket, reading: Make) -> None:
    names = {f"column_{place}_{'x' * 100}": np.zeros(1) for place in range(600)}
    s3.put("wide.parquet", as_parquet(pa.table({"date": ["2024-01-01"], "y": [1.0], **names})))
    table = await fetch_table(
        s3.url("wide.parquet"), None, reading(), DEFAULT_CLIENT, Selection({"y": "target"})
    )
    assert table.frame.to_dict("list") == {"date": ["2024-01-01"], "y": [1.0]}


async def test_an_object_that_is_compressed_is_told(s3: Bucket, reading: Make) -> None:
    s3.put("x.csv", gzip.compress(CSV))
    with pytest.raises(DataError, match="compressed with gzip"):
        await fetch_table(s3.url("x.csv"), None, reading(), DEFAULT_CLIENT)


@pytest.mark.parametrize(
    "content",
    [b"PAR1", b"PAR1PAR1", stacked(2, 5)[:-1], b"PAR1" + b"\xff" * 500 + b"\x20\0\0\0PAR1"],
    ids=["start", "nothing", "cut", "nonsense"],
)
async def test_damaged_parquet_is_told(s3: Bucket, reading: Make, content: bytes) -> None:
    s3.put("x.parquet", content)
    with pytest.raises(DataError, match="The Parquet file cannot be read"):
        await fetch_table(s3.url("x.parquet"), None, reading(), DEFAULT_CLIENT)
