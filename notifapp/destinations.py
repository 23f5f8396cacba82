"""Where notifiers may connect to: public addresses, and the private ones that the operator lists.

The list is written `10.1.2.3/32:25,192.168.0.0/16:587,[fd00::/8]:443`: networks with a port, or without one for every
port. Addresses of link-local networks and of the clouds' metadata services, which give credentials to anyone who asks,
count as listed only if an entry is exactly that one address (OWASP SSRF Prevention Cheat Sheet).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
# AWS, Google Cloud, Oracle and Alibaba; the usual 169.254.169.254 is link-local.
_METADATA = {ipaddress.ip_address(each) for each in ("fd00:ec2::254", "fd20:ce::254", "192.0.0.192", "100.100.100.200")}
_WIDEST = {4: 8, 6: 7}  # 10.0.0.0/8, 127.0.0.0/8 and fc00::/7; whatever is wider holds public addresses
_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]*:[^\]]*)\]|(?P<v4>[\d./]+))(?::(?P<port>\d{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PrivateDestination:
    """A listed network, and the port that may be connected to there; None for every port."""

    network: Network
    port: int | None = None

    def __str__(self) -> str:
        """The entry as it is written in the list."""
        network = str(self.network) if self.network.version == 4 else f"[{self.network}]"
        return network if self.port is None else f"{network}:{self.port}"

    def holds(self, address: Address, port: int) -> bool:
        """Whether it lists this address and port."""
        is_exact = self.network.prefixlen == self.network.max_prefixlen
        return address in self.network and self.port in (None, port) and (is_exact or not _must_be_exact(address))


def parse(text: str) -> tuple[PrivateDestination, ...]:
    """The entries of a list, separated by commas or white space. Raise `ValueError` that names the first bad one."""
    return tuple(_parse_entry(entry) for entry in text.replace(",", " ").split())


def is_public(address: str) -> bool:
    """Whether an IP address is public. If it embeds an IPv4 address, that one decides."""
    ip = _address(address)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or getattr(ip, "is_site_local", False))


def is_listed(address: str, port: int, listed: Iterable[PrivateDestination]) -> bool:
    """Whether the operator lists this address with this port. If it embeds an IPv4 address, that one decides."""
    ip = _address(address)
    return any(entry.holds(ip, port) for entry in listed)


def literal_address(host: str) -> str | None:
    """The IP address that a host is written as, in any notation that resolvers take (127.1, 0x7f000001), or None."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _parse_entry(entry: str) -> PrivateDestination:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        raise ValueError(f"{entry} is not NETWORK:PORT, such as 10.1.2.3/32:25 or [fd00::/8]:443")
    try:
        network = ipaddress.ip_network(found["v6"] or found["v4"])
    except ValueError as error:
        raise ValueError(f"{entry}: {error}") from None
    if network.prefixlen < _WIDEST[network.version]:
        raise ValueError(f"{entry} is wider than any private network")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"{entry}: a port is a number from 1 to 65535")
    return PrivateDestination(network, port)


def _must_be_exact(address: Address) -> bool:
    return address.is_link_local or address in _METADATA


def _address(text: str) -> Address:
    """The address, or the IPv4 address that it embeds."""
    ip = ipaddress.ip_address(text)
    if not isinstance(ip, ipaddress.IPv6Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
