"""Which network addresses a data URL may reach."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import anyio

from forecast.core.errors import DataError, ForbiddenError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

NOT_FETCHED = (
    "The URL leads to an address that is not of the public internet, and data is not fetched"
    " from there (setting DATA_URL_ALLOWED_NETWORKS)."
)

# IANA's special-purpose registries. The standard library's is_private changed between patch releases.
_CLOSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, where clouds serve credentials
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_OPEN_IPV6 = IPv6Network("2000::/3")
_CLOSED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public internet, also where it hides an IPv4 address."""
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is None:
            return address in _OPEN_IPV6 and not any(address in network for network in _CLOSED_IPV6)
        address = inner
    return not any(address in network for network in _CLOSED_IPV4)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def read_address(host: str) -> Address | None:
    """Return the address that a host is when it is no name; IPv4 also as `2130706433`, `0x7f.1`, `127.1`."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def check_addresses(addresses: Sequence[Address], allowed: Sequence[str], refusal: str = NOT_FETCHED) -> None:
    """Raise ForbiddenError, telling `refusal`, where one is neither public nor in an allowed network."""
    networks = [ipaddress.ip_network(network) for network in allowed]
    for address in addresses:
        plain = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
        if not is_public(address) and not any(plain in network for network in networks):
            raise ForbiddenError(refusal)


async def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host name; raise DataError where it has none."""
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DataError(f"The host '{host}' of the URL is not known.") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def find_addresses(
    host: str, port: int, allowed: Sequence[str], resolve: Resolve, refusal: str = NOT_FETCHED
) -> list[Address]:
    """Return the addresses of a host, each of them allowed; raise ForbiddenError where one is not."""
    address = read_address(host)
    names = [] if address else await resolve(host, port)
    addresses = [address] if address else [ipaddress.ip_address(name) for name in names]
    if not addresses:
        raise DataError(f"The host '{host}' of the URL is not known.")
    check_addresses(addresses, allowed, refusal)
    return addresses
