"""Which addresses are public, and the operator's list of private ones."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifapp.destinations import PrivateDestination, is_listed, is_public, literal_address, parse


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1", "2001:0:7f00:1::1",
    ],
)  # fmt: skip
def test_other_addresses_are_not(address: str) -> None:
    assert not is_public(address)


def networks() -> st.SearchStrategy[PrivateDestination]:
    """Entries that may be listed."""
    v4 = st.builds(
        lambda address, length: ipaddress.ip_network((address, length), strict=False),
        st.ip_addresses(v=4),
        st.integers(8, 32),
    )
    v6 = st.builds(
        lambda address, length: ipaddress.ip_network((address, length), strict=False),
        st.ip_addresses(v=6),
        st.integers(7, 128),
    )
    return st.builds(PrivateDestination, v4 | v6, st.none() | st.integers(1, 65535))


@given(st.lists(networks()), st.sampled_from([",", ", ", " ", "\n", " ,\n"]))
def test_a_list_is_read_as_it_is_written(entries: list[PrivateDestination], between: str) -> None:
    assert parse(between.join(map(str, entries))) == tuple(entries)


@given(st.text() | st.text("0123456789abcdef.:/[],% "))
def test_whatever_else_is_written_is_either_read_or_refused_in_words(text: str) -> None:
    with suppress(ValueError):
        entries = parse(text)
        assert parse(",".join(map(str, entries))) == entries


@given(networks(), st.ip_addresses(), st.integers(1, 65535))
def test_nothing_outside_the_network_or_at_another_port_is_listed(
    entry: PrivateDestination, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    if is_listed(str(address), port, [entry]):
        carried = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
        assert carried in entry.network or address in ipaddress.ip_network("64:ff9b::/96")
        assert entry.port in (None, port)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1", "1: '1' does not appear to be an IPv4 or IPv6 network"),
        ("true", "true is not NETWORK:PORT, such as 10.1.2.3/32:25 or [fd00::/8]:443"),
        ("10.1.2.3/8", "10.1.2.3/8: 10.1.2.3/8 has host bits set"),
        (
            "10.0.0.0/8,mail.internal:25",
            "mail.internal:25 is not NETWORK:PORT, such as 10.1.2.3/32:25 or [fd00::/8]:443",
        ),
        ("fd00::/8:443", "fd00::/8:443 is not NETWORK:PORT, such as 10.1.2.3/32:25 or [fd00::/8]:443"),
        ("10.1.2.3/32:0", "10.1.2.3/32:0: a port is a number from 1 to 65535"),
        ("10.1.2.3/32:65536", "10.1.2.3/32:65536: a port is a number from 1 to 65535"),
        ("0.0.0.0/0", "0.0.0.0/0 is wider than any private network"),
        ("[::/0]:25", "[::/0]:25 is wider than any private network"),
    ],
)
def test_no_entry_opens_everything_by_mistake(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its text is compared
        parse(text)
    assert str(refused.value) == problem


def test_only_the_listed_port_of_the_listed_network_is_open() -> None:
    listed = parse("10.1.2.3/32:25, 192.168.0.0/16:587\n[fd00::/8]:443 172.16.0.0/12")
    tried = [
        ("10.1.2.3", 25), ("10.1.2.3", 26), ("10.1.2.4", 25), ("::ffff:10.1.2.3", 25), ("64:ff9b::a01:203", 25),
        ("192.168.9.9", 587), ("192.168.9.9", 25), ("fd12::1", 443), ("fd12::1", 80), ("172.31.255.255", 1),
    ]  # fmt: skip
    assert [is_listed(address, port, listed) for address, port in tried] == [
        True, False, False, True, True,
        True, False, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("169.254.0.0/16", "169.254.169.254"), ("169.254.169.254/31", "169.254.169.254"),
        ("[fe80::/10]", "fe80::1"), ("[fe80::/10]", "fe80::1%eth0"), ("[fd00::/8]", "fd00:ec2::254"),
        ("100.64.0.0/10", "100.100.100.200"), ("169.254.0.0/16", "::ffff:169.254.169.254"),
    ],
)  # fmt: skip
def test_metadata_services_are_reached_only_if_listed_exactly(network: str, address: str) -> None:
    assert not is_listed(address, 80, parse(network))


def test_a_metadata_service_that_is_listed_exactly_is_reached() -> None:
    assert is_listed("169.254.169.254", 80, parse("169.254.169.254/32:80"))
    assert not is_listed("169.254.169.254", 443, parse("169.254.169.254/32:80"))
    assert is_listed("fd00:ec2::254", 80, parse("[fd00:ec2::254]"))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", "10.0.0.1"), ("127.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"), ("::1", "::1"), ("smtp.example.com", None), ("localhost", None), ("\ud800", None),
        ("۱۲۷.۰.۰.۱", None),
    ],
)  # fmt: skip
def test_every_notation_of_an_address_is_known(host: str, address: str | None) -> None:
    assert literal_address(host) == address
