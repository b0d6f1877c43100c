import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forecast.core.config import Settings
from forecast.core.data import source as source_module
from forecast.core.data.source import fetch_table
from forecast.core.data.table import Table
from forecast.core.errors import DataError, ForbiddenError, RequestError, TooLargeError
from forecast.core.principal import DEFAULT_CLIENT
from tests.core.data.conftest import Start

pytestmark = pytest.mark.anyio
Make = Callable[..., Settings]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "x.csv").write_text("date,y\n2024-01-01,1\n")
    return tmp_path


async def test_a_path_is_read_from_the_data_directory(data_dir: Path, make_settings: Make) -> None:
    table = await fetch_table(" data/uploads/x.csv ", None, make_settings(data_dir=data_dir), DEFAULT_CLIENT)
    assert table.frame.to_dict("list") == {"date": ["2024-01-01"], "y": ["1"]}


async def test_inline_data_is_read_as_it_is(make_settings: Make) -> None:
    table = await fetch_table(None, {"y": [1, 2.5]}, make_settings(), DEFAULT_CLIENT)
    assert table.frame["y"].tolist() == [1.0, 2.5]


@pytest.mark.parametrize(
    "sample", ["airline-passengers", "daily-min-temperatures", "pedestrians", "peyton-manning"]
)
async def test_a_shipped_sample_is_found_by_its_bare_name(make_settings: Make, sample: str) -> None:
    table = await fetch_table(f"{sample}.csv", None, make_settings(), DEFAULT_CLIENT)
    assert len(table.frame) == {"airl": 144, "dail": 1460, "pede": 720, "peyt": 2905}[sample[:4]]


async def test_the_promotions_sample_has_a_known_future_in_which_promotions_matter(
    make_settings: Make,
) -> None:
    frame = (
        await fetch_table("data/samples/retail-promotions.csv", None, make_settings(), DEFAULT_CLIENT)
    ).frame
    assert list(frame.columns) == ["date", "store", "sales", "price", "promo", "region", "size"]
    future = frame[frame["sales"] == ""]
    assert future.groupby("store").size().to_dict() == {"A": 28, "B": 28}
    assert set(future["promo"]) == {"regular", "discount", "bundle"}
    assert (future["price"] != "").all()
    past = frame[frame["sales"] != ""].assign(sales=lambda f: f["sales"].astype(float))
    sales = past.groupby(["store", "promo"])["sales"].mean().unstack()
    assert (sales["discount"] > 1.4 * sales["regular"]).all()
    assert (sales["bundle"] > 1.2 * sales["regular"]).all()


async def test_a_url_is_fetched_and_its_path_names_the_format(server: Start, make_settings: Make) -> None:
    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"y": [1, 2]}')

    port = await server(handle)
    allowing = make_settings(data_url_allowed_networks="127.0.0.0/8")
    table = await fetch_table(f"HTTP://127.0.0.1:{port}/x.json?v=1", None, allowing, DEFAULT_CLIENT)
    assert table.frame["y"].tolist() == [1, 2]


async def test_a_url_to_the_gateways_own_host_is_forbidden(make_settings: Make) -> None:
    with pytest.raises(ForbiddenError):
        await fetch_table("http://127.0.0.1:8000/health", None, make_settings(), DEFAULT_CLIENT)


@pytest.mark.parametrize(
    "source",
    [
        "hdfs://bucket/x.csv",
        "abfs://bucket/x.csv",
        "ftp://example.org/x.csv",
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "data:text/csv,a",
        "gopher://127.0.0.1/",
        "unix://x",
    ],
)
async def test_another_kind_of_source_is_refused_with_the_kinds_there_are(
    make_settings: Make, source: str
) -> None:
    with pytest.raises(DataError) as caught:
        await fetch_table(source, None, make_settings(), DEFAULT_CLIENT)
    scheme = source.partition(":")[0].lower()
    assert caught.value.detail == (
        f"Data error: Sources of the kind '{scheme}:' are not read; use an http(s) URL, a bucket (s3://,"
        " gs://, az://), a path under data/, or send the table inline as 'data'."
    )


@pytest.mark.parametrize(("source", "inline"), [(None, None), ("x.csv", {"y": [1]})])
async def test_exactly_one_of_source_and_inline_is_needed(
    make_settings: Make, source: str | None, inline: Any
) -> None:
    with pytest.raises(RequestError):
        await fetch_table(source, inline, make_settings(), DEFAULT_CLIENT)


async def test_a_file_above_the_limit_is_too_large(data_dir: Path, make_settings: Make) -> None:
    with pytest.raises(TooLargeError):
        await fetch_table("x.csv", None, make_settings(data_dir=data_dir, max_upload_size=19), DEFAULT_CLIENT)
    assert (
        len(
            (
                await fetch_table(
                    "x.csv", None, make_settings(data_dir=data_dir, max_upload_size=20), DEFAULT_CLIENT
                )
            ).frame
        )
        == 1
    )


@pytest.mark.parametrize("inline", [None, {"y": [1]}])
async def test_a_table_is_parsed_off_the_event_loop(
    data_dir: Path, make_settings: Make, monkeypatch: pytest.MonkeyPatch, inline: Any
) -> None:
    threads: list[int] = []

    def watch(name: str) -> None:
        original = getattr(source_module, name)

        def watched(*args: Any) -> Table:
            threads.append(threading.get_ident())
            table: Table = original(*args)
            return table

        monkeypatch.setattr(source_module, name, watched)

    watch("read_table")
    watch("read_inline")
    await fetch_table(None if inline else "x.csv", inline, make_settings(data_dir=data_dir), DEFAULT_CLIENT)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
