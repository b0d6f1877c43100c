from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.core.data.addresses import Address, check_addresses, find_addresses, is_public, read_address
from forecast.core.errors import DataError, ForbiddenError

HOSTILE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "2130706433",
    "3232235777",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "0",
    "0xa9fea9fe",
    "::",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "5f00::1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.15.0.1",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


def _address(host: str) -> Address:
    found = read_address(host)
    assert found is not None
    return found


@pytest.mark.parametrize("host", HOSTILE)
def test_an_address_that_is_not_of_the_public_internet_is_refused(host: str) -> None:
    assert not is_public(_address(host))
    with pytest.raises(ForbiddenError):
        check_addresses([_address(host)], ())


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_passes(host: str) -> None:
    assert is_public(_address(host))
    check_addresses([_address(host)], ())


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_what_the_standard_library_calls_private_is_never_public(address: Address) -> None:
    if not address.is_global or address.is_multicast:
        assert not is_public(address)


@settings(deadline=None)
@given(st.ip_addresses(v=6))
def test_an_ipv6_address_that_is_not_global_is_never_public(address: Address) -> None:
    if (not address.is_global or address.is_multicast) and address.ipv4_mapped is None:  # type: ignore[union-attr]
        assert not is_public(address)


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_one_inside(address: Address) -> None:
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)


@pytest.mark.parametrize("host", ["example.org", "localhost", "", "1.2.3.4.5", "256.0.0.1"])
def test_a_name_is_no_address(host: str) -> None:
    assert read_address(host) is None


def test_one_refused_address_among_several_refuses_them_all() -> None:
    with pytest.raises(ForbiddenError) as caught:
        check_addresses([ip_address("8.8.8.8"), ip_address("10.9.8.7")], ())
    assert "10.9.8.7" not in caught.value.detail


def test_an_allowed_network_opens_just_that_network() -> None:
    allowed = ("10.1.0.0/16", "fd00::/8")
    check_addresses([ip_address("10.1.2.3"), ip_address("::ffff:10.1.2.3"), ip_address("fd00::1")], allowed)
    with pytest.raises(ForbiddenError):
        check_addresses([ip_address("10.2.0.1")], allowed)


@pytest.mark.anyio
async def test_a_host_that_resolves_to_a_private_address_is_refused() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return {"rebound.test": ["8.8.8.8", "127.0.0.1"], "open.test": ["8.8.8.8", "2606:4700::1"]}[host]

    assert await find_addresses("open.test", 80, (), resolve) == [
        ip_address("8.8.8.8"),
        ip_address("2606:4700::1"),
    ]
    with pytest.raises(ForbiddenError):
        await find_addresses("rebound.test", 80, (), resolve)


@pytest.mark.anyio
async def test_a_host_without_an_address_is_an_error_of_the_data() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return []

    with pytest.raises(DataError, match=r"'nowhere\.test' of the URL is not known"):
        await find_addresses("nowhere.test", 80, (), resolve)
