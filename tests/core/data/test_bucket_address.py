from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forecast.core.config import Settings
from forecast.core.data.bucket import Address, check_allowed, read_address
from forecast.core.data.source import fetch_table
from forecast.core.errors import DataError, ForbiddenError
from forecast.core.principal import DEFAULT_CLIENT

Make = Callable[..., Settings]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://my-bucket/x.csv", ("s3", "my-bucket", "x.csv")),
        ("S3://My.Bucket_1/a/b c/ü%20+.parquet", ("s3", "My.Bucket_1", "a/b c/ü%20+.parquet")),
        ("gs://b/a@b:c/..x/x..", ("gs", "b", "a@b:c/..x/x..")),
        ("az://$root/[1]*.csv", ("az", "$root", "[1]*.csv")),
    ],
)
def test_a_key_is_taken_literally(url: str, parts: tuple[str, str, str]) -> None:
    assert read_address(url) == Address(*parts)


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket/x.csv",
        "az://container@account.blob.core.windows.net/x.csv",
        "s3://bucket/x.csv?versionId=1",
        "s3://bucket/x.csv?X-Amz-Signature=1",
        "s3://bucket?x=/y",
    ],
)
def test_credentials_and_queries_in_a_url_are_refused(url: str) -> None:
    with pytest.raises(DataError, match="neither credentials nor a query"):
        read_address(url)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///x.csv", "s3://-b/x", "s3://b:80/x", "s3://b c/x", "s3://ü/x", "s3://b%2f/x"]
)
def test_what_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(DataError, match="is written as s3://bucket"):
        read_address(url)


@pytest.mark.parametrize(
    "container", ["sales-x.dfs.core.windows.net", "a.b", "Sales", "a_b", "$$root", "-a", "a" * 64]
)
def test_a_container_has_none_but_the_names_that_azure_gives(container: str) -> None:
    with pytest.raises(DataError, match="is written as"):
        read_address(f"az://{container}/public/secret.csv")
    assert read_address("az://sales-1/x").bucket == "sales-1"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/x.csv",
        "a//x.csv",
        "folder/",
        "..",
        "../x.csv",
        "a/../../other/x.csv",
        "a/./x.csv",
        "a/%2e%2e/x.csv",
        "a/%2E./x.csv",
        "a%2f..%2fx.csv",
        "a\\..\\x.csv",
        "a%5cx",
        "a/ x.csv",
        "a /x.csv",
        "x.csv#1",
        "x\n.csv",
        "x\0.csv",
        "x\x7f",
    ],
)
def test_a_key_that_could_be_read_as_another_is_refused(key: str) -> None:
    with pytest.raises(DataError, match="The object's key must not"):
        read_address(f"s3://b/{key}")


def test_a_key_is_at_most_as_long_as_stores_allow() -> None:
    assert read_address(f"gs://b/{'ü' * 512}").key == "ü" * 512
    with pytest.raises(DataError, match="longer than 1024 bytes"):
        read_address(f"gs://b/{'ü' * 512}x")


@pytest.mark.parametrize(
    ("pattern", "allowed", "forbidden"),
    [
        ("s3://b/*", ["s3://b/x", "s3://b/a/b/c"], ["gs://b/x", "s3://bb/x", "s3://B/x"]),
        ("s3://b/a/*", ["s3://b/a/x"], ["s3://b/ab/x", "s3://b/A/x", "s3://b/x"]),
        ("gs://b-*/x-?.csv", ["gs://b-1/x-1.csv"], ["gs://b-1/y/x-1.csv", "gs://b/x-1.csv"]),
        ("s3://*-open/*", ["s3://a-open/x"], ["s3://evil/a-open/x"]),
        ("az://b/x.csv", ["az://b/x.csv"], ["az://b/x.csvx", "az://b/xxcsv"]),
    ],
)
def test_a_pattern_covers_buckets_and_keys_apart(
    pattern: str, allowed: list[str], forbidden: list[str]
) -> None:
    for url in allowed:
        check_allowed(read_address(url), ["gs://none/*", pattern])
    for url in forbidden:
        with pytest.raises(ForbiddenError) as caught:
            check_allowed(read_address(url), [pattern])
        assert (
            caught.value.detail == f"{url} is not among what may be read here (setting DATA_BUCKETS_ALLOWED)."
        )


@given(st.lists(st.sampled_from(["..", ".", "", "a", "secret", "%2e%2e", " ", "\\"]) | st.text(max_size=3)))
def test_no_key_leads_out_of_the_folder_that_is_allowed(pieces: list[str]) -> None:
    try:
        address = read_address("s3://b/a/" + "/".join(pieces))
    except DataError:
        return
    check_allowed(address, ["s3://b/a/*"])
    assert not {"", ".", ".."} & set(address.key.split("/"))


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
async def test_by_default_no_bucket_is_read(scheme: str, make_settings: Make) -> None:
    with pytest.raises(ForbiddenError, match="DATA_BUCKETS_ALLOWED"):
        await fetch_table(f"{scheme}://b/x.csv", None, make_settings(), DEFAULT_CLIENT)


@pytest.mark.parametrize("pattern", ["b/*", "s3://b", "s3://b/", "http://b/*", "s3:///x", "s3://b/folder/"])
def test_a_setting_that_can_allow_nothing_refuses_to_start(pattern: str, make_settings: Make) -> None:
    with pytest.raises(ValidationError, match="is no pattern such as"):
        make_settings(data_buckets_allowed=pattern)
    assert make_settings(data_buckets_allowed="s3://b/*, gs://c/d/*").data_buckets_allowed == (
        "s3://b/*",
        "gs://c/d/*",
    )
