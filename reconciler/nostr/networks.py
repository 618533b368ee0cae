"""Which addresses are public: everybody may be sent there. Pure.

Written out after IANA's special-purpose address registries (RFC 6890 and its successors) and the
IPv6 address space registry, because `ipaddress` knows them as of its own release, and calls
tunnels, NAT64 and site-local addresses global.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

SPECIAL_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network (RFC 791)
            "10.0.0.0/8",  # private (RFC 1918)
            "100.64.0.0/10",  # shared by carriers (RFC 6598)
            "127.0.0.0/8",  # loopback (RFC 1122)
            "169.254.0.0/16",  # link-local, and clouds' metadata (RFC 3927)
            "172.16.0.0/12",  # private (RFC 1918)
            "192.0.0.0/24",  # protocol assignments (RFC 6890)
            "192.0.2.0/24",  # documentation (RFC 5737)
            "192.88.99.0/24",  # 6to4 relays, gone (RFC 7526)
            "192.168.0.0/16",  # private (RFC 1918)
            "198.18.0.0/15",  # benchmarks (RFC 2544)
            "198.51.100.0/24",  # documentation (RFC 5737)
            "203.0.113.0/24",  # documentation (RFC 5737)
            "224.0.0.0/4",  # multicast (RFC 5771)
            "240.0.0.0/4",  # reserved, and broadcast (RFC 1112)
        ),
    )
)
"""All of IPv4 that is not public."""

UNICAST_6: Final = IPv6Network("2000::/3")
"""All global unicast of IPv6 (RFC 4291). Outside are loopback, mapped and embedded IPv4, NAT64,
unique-local, link-local, site-local and multicast addresses, and what nobody has assigned."""

SPECIAL_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo with any IPv4 address inside (RFC 2928)
            "2001:db8::/32",  # documentation (RFC 3849)
            "2002::/16",  # 6to4, with any IPv4 address inside (RFC 3056)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
"""What is not public within global unicast."""


def parse(text: str) -> Address | None:
    """The address that a text is, None for anything else. One with a zone (`fe80::1%eth0`) is none:
    the zone chooses an interface, which no policy names."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Is it an address of a host on the Internet, and of nothing else?"""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_4)
    return address in UNICAST_6 and not any(address in network for network in SPECIAL_6)
