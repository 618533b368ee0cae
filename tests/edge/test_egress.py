"""Which addresses may be contacted, whatever they are called (I13)."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from reconciler.edge.egress import Egress
from reconciler.model.observed import Cause
from reconciler.world import Failure
from tests.kit.clients import LOOPBACK, relay, web
from tests.kit.peers import answer, door, request, saying

_REFUSED = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 127.0.0.1 127.1.2.3 127.255.255.255
    100.64.0.1 100.127.255.254 169.254.0.1 169.254.169.254 169.254.170.2
    172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255
    192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9
    224.0.0.1 224.0.0.251 239.255.255.250 240.0.0.1 255.255.255.255
    :: ::1 ::2 ::127.0.0.1 ::7f00:1 ::10.0.0.1
    ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::808:808 64:ff9b:1::1
    100::1 2001::1 2001:0:7f00:1::1 2001:2::1 2001:db8::1 2001:10::1
    2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1
    fc00::1 fd00::1 fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1 4000::1 5f00::1
"""
_SPELLINGS = """
    127.1 127.0.1 0 0x7f.1 0x7f000001 0x7F.0.0.1 0177.0.0.1 017700000001 2130706433
    0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 0xa.0.0.1 3232235521
    localhost LOCALHOST
"""
REFUSED = _REFUSED.split()
SPELLINGS = _SPELLINGS.split()

ZONES = ["fe80::1%lo", "fe80::1%1", "::1%lo", "2606:4700::1111%lo"]

PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]


@pytest.fixture
def connects() -> Iterator[list[Any]]:
    """Every address that anything in this process dials, as the interpreter itself sees it."""
    _dialled.clear()
    _listening.append(True)
    yield _dialled
    _listening.clear()


_dialled: list[Any] = []
_listening: list[bool] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _listening and event == "socket.connect":
        _dialled.append(args[1])


sys.addaudithook(_hook)  # cannot be taken back; silent unless a test listens


def refusal(egress: Egress, host: str) -> Cause:
    with pytest.raises(Failure) as found:
        egress.connect(host, 443)
    return found.value.unknown.cause


def test_the_table_is_long_enough() -> None:
    assert len({*REFUSED, *SPELLINGS, *ZONES}) >= 80


@pytest.mark.parametrize("host", [*REFUSED, *SPELLINGS])
def test_special_addresses_are_never_dialled(host: str, connects: list[Any]) -> None:
    expected = {Cause.EGRESS}
    if ":" in host:  # where this machine has no IPv6, the resolver itself may refuse
        expected |= {Cause.RESOLVE}
    assert refusal(Egress(), host) in expected
    assert not connects


@pytest.mark.parametrize("address", [*REFUSED, *ZONES])
def test_special_addresses_are_not_permitted(address: str) -> None:
    assert not Egress().permits(address)


@pytest.mark.parametrize("host", ZONES)
def test_a_zone_is_never_dialled(host: str, connects: list[Any]) -> None:
    assert refusal(Egress(), host) in (Cause.EGRESS, Cause.RESOLVE)
    assert not connects


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert Egress().permits(address)


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("127.0.0.0/8", "127.9.9.9", "128.0.0.0"),
        ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
        ("192.168.7.7/32", "192.168.7.7", "192.168.7.8"),
        ("fd00:1::/32", "fd00:1::9", "fd00:2::9"),
        ("::1/128", "::1", "::2"),
        ("64:ff9b::/96", "64:ff9b::7f00:1", "64:ff9b:1::1"),
    ],
)
def test_listed_networks_are_allowed_and_no_more(network: str, inside: str, outside: str) -> None:
    egress = Egress((ip_network(network),))
    assert egress.permits(inside)
    if not outside.startswith("128."):  # that one is public
        assert not egress.permits(outside)


def test_a_listed_network_of_one_family_lists_nothing_of_the_other() -> None:
    assert not LOOPBACK.permits("::ffff:127.0.0.1")
    assert not LOOPBACK.permits("::1")


@pytest.mark.parametrize("host", ["", "no such host", "a" * 64 + ".example", "xn--", "nowhere."])
def test_what_does_not_resolve(host: str, connects: list[Any]) -> None:
    assert refusal(Egress(), host or ".") is Cause.RESOLVE
    assert not connects


def test_what_was_checked_is_dialled_by_address(connects: list[Any]) -> None:
    with door(lambda _: None) as found:
        port = int(found.url.rpartition(":")[2])
        LOOPBACK.connect("127.1", port).close()
    assert connects == [("127.0.0.1", port)]


def test_http_dials_the_checked_address_and_names_the_host(connects: list[Any]) -> None:
    heads = []

    def talk(connection: socket.socket) -> None:
        heads.append(request(connection))
        connection.sendall(answer("200 OK", b"x"))

    with door(talk) as found:
        port = int(found.url.rpartition(":")[2])
        http = web()
        http.get(f"http://127.1:{port}/", accept="*/*", limit=9, seconds=5)
        http.close()
    assert connects == [("127.0.0.1", port)]
    assert f"host: 127.1:{port}".encode() in heads[0].lower()


def test_plain_http_and_ws_go_to_listed_networks_only(connects: list[Any]) -> None:
    with door(saying(answer("200 OK"))) as found:
        for egress in (Egress(), Egress((ip_network("10.0.0.0/8"),))):
            with pytest.raises(Failure, match="listed networks only") as http:
                web(egress=egress).get(found.url, accept="*/*", limit=9, seconds=5)
            with pytest.raises(Failure, match="listed networks only") as dialled:
                relay(found.url, egress=egress)
            kinds = {http.value.unknown.cause, dialled.value.unknown.cause}
            assert kinds == {Cause.EGRESS}
    with pytest.raises(Failure, match="listed networks only"):
        web(egress=Egress()).get("http://1.1.1.1/", accept="*/*", limit=9, seconds=5)
    assert not connects
    assert found.connections == 0


def test_a_closed_port_is_refused_and_a_listed_one_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(Failure) as found:
        LOOPBACK.connect("127.0.0.1", port)
    assert found.value.unknown.cause is Cause.REFUSED
