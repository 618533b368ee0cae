"""Which addresses are public, at the first and the last address of every network that is not."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.edge.egress import Egress
from reconciler.nostr.networks import SPECIAL_4, SPECIAL_6, Address, is_public, parse
from reconciler.sandbox.hunt.egress import EgressPolicy

POLICY = EgressPolicy("http://127.0.0.1:7001")

_SPECIAL = """
    0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255
    127.0.0.0 127.255.255.255 169.254.0.0 169.254.169.254 169.254.255.255
    172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.9 192.0.0.255 192.0.2.0 192.0.2.255
    192.88.99.0 192.88.99.1 192.88.99.255 192.168.0.0 192.168.255.255
    198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255
    224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8
    64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 100:0:0:1::1
    1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    2001:: 2001:0:7f00:1::1 2001:1::1 2001:2::1 2001:20::1 2001:1ff:ffff:ffff::1
    2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff
    2002:: 2002:7f00:1::1 2002:808:808::1 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff
    4000:: 5f00::1 fc00::1 fdff::1 fe80::1 febf::1 fec0::1 feff::1 ff02::1 ff0e::1
"""
SPECIAL = _SPECIAL.split()

_PUBLIC = """
    1.0.0.0 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0
    192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
    2000::1 2001:200::1 2001:db7::1 2001:db9::1 2003::1 2606:4700::1111 2a00:1450::1
    3ffe:ffff::1 3fff:1000::1
"""
PUBLIC = _PUBLIC.split()

NONE = ["", "nonsense", "127.1", "0x7f.0.0.1", "1.1.1.1/32", "1.1.1.1 ", "[2606:4700::1111]"]
ZONES = ["fe80::1%eth0", "::1%lo", "2606:4700::1111%lo", "2606:4700::1111%"]

ADDRESSES = st.builds(IPv4Address, st.integers(0, 2**32 - 1)) | st.builds(
    IPv6Address, st.integers(0, 2**128 - 1) | st.integers(2**125, 2**126 - 1)
)


def read(text: str) -> Address:
    found = parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize("text", SPECIAL)
def test_a_special_address_is_not_public(text: str) -> None:
    assert not is_public(read(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_the_addresses_around_special_networks_are_public(text: str) -> None:
    assert is_public(read(text))


@pytest.mark.parametrize("text", [*NONE, *ZONES])
def test_what_is_no_address_and_what_names_an_interface_is_none(text: str) -> None:
    assert parse(text) is None


def test_the_table_holds_both_ends_of_every_network() -> None:
    told = set(map(parse, SPECIAL))
    for network in SPECIAL_4:
        assert {network.network_address, network.broadcast_address} <= told
    assert {network.network_address for network in SPECIAL_6} <= told


@given(ADDRESSES)
def test_nothing_is_public_that_the_library_calls_special(address: Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize("text", [*SPECIAL, *PUBLIC, *NONE, *ZONES])
def test_the_reconciler_and_the_sandbox_dial_the_same_but_for_loopback(text: str) -> None:
    found = parse(text)
    if found is not None and found.is_loopback:
        assert (Egress().permits(text), POLICY.permits(text, 80)) == (False, True)
    else:
        expected = text in PUBLIC
        assert (Egress().permits(text), POLICY.permits(text, 80)) == (expected, expected)
