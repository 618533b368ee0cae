"""Whom a server may contact because somebody's event says so."""

from __future__ import annotations

import socket

import pytest

from reconciler.sandbox.hunt.egress import EgressPolicy, Unreachable

OWN = "http://127.0.0.1:7001"
EGRESS = EgressPolicy(OWN)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "../../etc/passwd",
        "ssh://git@example.org/widget.git",
        "git@example.org:widget.git",
        "git://example.org/widget.git",
        "ext::sh -c touch% /tmp/x",
        "ftp://example.org/widget.git",
        "--upload-pack=touch /tmp/x",
        "http://user:secret@example.org/widget.git",
        "https://good.example\\@evil.example/widget.git",
        "http://[::1]:80/widget.git",
        "wss://example.org",
        "https://",
        "",
        f"{OWN}/npub1/widget.git",
        OWN,
        "HTTP://127.0.0.1:7001/npub1/widget.git",
    ],
)
def test_a_clone_url_that_is_never_dialled(url: str) -> None:
    with pytest.raises(Unreachable):
        EGRESS.clone_url(url)


def test_a_clone_url_in_canonical_form() -> None:
    assert EGRESS.clone_url("HTTPS://Git.Example:443/a%20b.git/") == "https://git.example/a%20b.git"
    other = "http://127.0.0.1:70/x.git"
    assert EGRESS.clone_url(other) == other


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.5.5",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address that must be refused
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1",
        "fc00::1",
        "::",
        "fe80::1%eth0",
        "nonsense",
    ],
)
def test_an_address_that_is_neither_public_nor_loopback(address: str) -> None:
    assert not EGRESS.permits(address, 80)


def test_loopback_but_this_server_itself_under_any_name() -> None:
    assert EGRESS.permits("127.0.0.1", 7002)
    assert EGRESS.permits("127.9.9.9", 7002)
    assert not EGRESS.permits("127.0.0.1", 7001)
    assert not EGRESS.permits("127.0.0.2", 7001)
    assert not EGRESS.permits("::1", 7001)
    with pytest.raises(Unreachable):
        EGRESS.resolve("http://localhost:7001/npub1/widget.git")


def test_public_addresses_may_be_dialled() -> None:
    assert EGRESS.permits("93.184.216.34", 443)
    assert EGRESS.permits("2606:2800:220:1::1", 443)


def test_every_dial_is_checked_also_after_a_redirect_or_a_rebound_name() -> None:
    def info(address: str, port: int) -> tuple[int, int, int, str, tuple[str, int]]:
        return socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)

    EGRESS.open(info("127.0.0.1", 7002)).close()
    for address, port in (("127.0.0.1", 7001), ("10.0.0.1", 80)):
        with pytest.raises(OSError, match="may not be contacted"):
            EGRESS.open(info(address, port))


def test_a_domain_is_a_host_and_on_loopback_a_server() -> None:
    assert EGRESS.resolve("http://127.0.0.1:7002/a.git").domain == "127.0.0.1:7002"
    assert EGRESS.resolve("http://localhost:7003/a.git").domain.endswith(":7003")


def test_a_private_address_and_a_name_that_is_none() -> None:
    for url in ("http://10.0.0.1/a.git", "http://169.254.169.254/x.git", "http://x.invalid/a.git"):
        with pytest.raises(Unreachable):
            EGRESS.resolve(url)
