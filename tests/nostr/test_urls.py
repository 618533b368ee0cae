"""URLs: one canonical form, and nothing that two readers understand in two ways."""

from __future__ import annotations

import contextlib
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.limits import IDENTIFIER_BYTES, URL_CHARS
from reconciler.nostr import nip19, urls

OWNER = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d"
NPUB = nip19.npub(OWNER)

CANONICAL = {
    "https://a.example": "https://a.example",
    "https://a.example/": "https://a.example",
    "https://a.example///": "https://a.example",
    "HTTPS://A.Example": "https://a.example",
    "wss://a.example": "https://a.example",
    "WSS://a.example:443/": "https://a.example",
    "ws://a.example:80": "http://a.example",
    "http://a.example:443": "http://a.example:443",
    "https://a.example:8443": "https://a.example:8443",
    "https://a.example:0443": "https://a.example",
    "https://a.example:": "https://a.example",
    "https://a.example.": "https://a.example",
    "https://a.example/Path/X/": "https://a.example/Path/X",
    "https://127.0.0.1:80": "https://127.0.0.1:80",
    "http://localhost:8080": "http://localhost:8080",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
}
REFUSED = [
    "",
    "a.example",
    "//a.example",
    "https:",
    "https://",
    "https:///x",
    "https:a.example",
    "ftp://a.example",
    "file:///etc/passwd",
    "ssh://a.example",
    "git://a.example",
    "ext::sh -c x",
    "javascript:x",
    r"https://good\@evil/",
    "https://good@evil/",
    "https://a:b@evil",
    r"https://good\evil",
    "https://a?b",
    "https://a#b",
    "https://a .example",
    " https://a.example",
    "https://a.example\n",
    "ht\ttps://a.example",
    "https://a.exa\tmple",
    "https://a\x00.example",
    "https://a\x7f.example",
    "https://bücher.example",
    "https://a。example",
    "https://ａ.example",
    "https://a%2eexample",
    "https://a_b.example",
    "https://-a.example",
    "https://a-.example",
    "https://a..example",
    "https://.example",
    "https://[::1]",
    "https://[",
    "https://]",
    "https://[::1",
    "https://a[b]",
    "https://a.example:x",
    "https://a.example:-1",
    "https://a.example:0",
    "https://a.example:65536",
    "https://a.example:99999999999",
    "https://a:1:2",
    "https://" + "a." * 127 + "aa",
    "https://a.example/" + "x" * URL_CHARS,
    "\u212attps://a.example",
    "https://a.example/é",
    "https://a,b",
]


@pytest.mark.parametrize("text", CANONICAL)
def test_a_url_has_one_canonical_form(text: str) -> None:
    assert urls.canonical(text) == CANONICAL[text]
    assert urls.canonical(CANONICAL[text]) == CANONICAL[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_names_no_server_is_refused(text: str) -> None:
    with pytest.raises(PeerFault):
        urls.canonical(text)


def test_a_server_has_a_relay_and_a_short_name() -> None:
    assert urls.relay("https://a.example/x") == "wss://a.example/x"
    assert urls.relay("http://a.example:8080") == "ws://a.example:8080"
    assert urls.host("https://a.example:1/x") == "a.example:1/x"


@given(st.text(alphabet="htpsw:/\\@#?.[]%aA1-é\t \0") | st.text().map("https://a".__add__))
@example("https://a[")
def test_what_is_accepted_has_one_reading(text: str) -> None:
    with contextlib.suppress(PeerFault):
        url = urls.canonical(text)
        assert urls.canonical(url) == url
        parts = urlsplit(url)
        assert parts.username is None
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == url
        assert url.isascii()


IDENTIFIERS = st.text(min_size=1).filter(
    lambda t: (
        t not in (".", "..") and not set(t) & set("/\\\0") and len(t.encode()) <= IDENTIFIER_BYTES
    )
)


@given(
    IDENTIFIERS,
    st.sampled_from(["https://a.example", "http://127.0.0.1:8080", "https://a.example/x"]),
)
@example("é" * 100, "https://a.example")
@example("%2F", "https://a.example")
@example("a.git", "https://a.example")
def test_a_clone_url_leads_back_to_its_server(identifier: str, server: str) -> None:
    url = urls.clone(server, OWNER, identifier)
    assert url.isascii()
    assert urls.server_of_clone(url, OWNER, identifier) == server
    assert urls.server_of_clone(url + "/", OWNER, identifier) == server


SPELLINGS = [
    f"https://a.example/{NPUB}/my%20repo.git",
    f"https://A.EXAMPLE:443/{NPUB}/my%20repo.git/",
    f"https://a.example/{NPUB}/%6dy%20%72epo.git",
    f"https://a.example/{NPUB}/my%20repo%2Egit",
]
OTHERS = [
    f"https://a.example/{NPUB}/other.git",
    f"https://a.example/{NPUB}/my%20repo",
    f"https://a.example/{NPUB}",
    "https://a.example/my%20repo.git",
    f"https://a.example/{nip19.npub('7e' * 32)}/my%20repo.git",
    f"/{NPUB}/my%20repo.git",
    f"https:///{NPUB}/my%20repo.git",
    f"{NPUB}/my%20repo.git",
    "",
    f"ssh://a.example/{NPUB}/my%20repo.git",
    f"https://x@a.example/{NPUB}/my%20repo.git",
    f"https://a.example/{NPUB}/my repo.git",
    f"https://a.example/{NPUB}/my%20repo.git?x",
    f"https://a.example/{NPUB}/" + quote("my repo") + ".git" + "%20" * 300,
    "https://[/x/y.git",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_spellings_of_one_clone_url(url: str) -> None:
    assert urls.server_of_clone(url, OWNER, "my repo") == "https://a.example"


@pytest.mark.parametrize("url", OTHERS)
def test_a_clone_url_of_another_form_names_no_server(url: str) -> None:
    assert urls.server_of_clone(url, OWNER, "my repo") is None
