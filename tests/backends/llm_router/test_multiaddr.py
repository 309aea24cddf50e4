"""Peer addresses: what names an HTTP server is read, everything else is refused with the wrong part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.exceptions import ConfigurationError
from backends.llm_router.multiaddr import parse_peer, parse_peers


@pytest.mark.parametrize(
    ("text", "url", "loopback"),
    [
        ("/dns4/host/tcp/8000/http", "http://host:8000", False),
        ("/dns/llm.example.org/tcp/443/https", "https://llm.example.org:443", False),
        ("/dns6/host/tcp/443/tls/http", "https://host:443", False),
        ("/ip4/127.0.0.1/tcp/8000/http", "http://127.0.0.1:8000", True),
        ("/ip6/::1/tcp/80/http/", "http://[::1]:80", True),
        ("/dns4/localhost/tcp/80/http", "http://localhost:80", True),
        (" /ip4/10.0.0.7/tcp/80/http ", "http://10.0.0.7:80", False),
    ],
)
def test_an_address_becomes_a_url(text, url, loopback):
    address = parse_peer(text)
    assert (address.url, address.loopback) == (url, loopback)


def test_a_peer_identity_is_kept():
    assert parse_peer("/dns4/host/tcp/80/http/p2p/12D3KooW").peer_id == "12D3KooW"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("http://host:8000", "too few parts"),
        ("/dns4/host/udp/8000/http", '"udp" is not tcp'),
        ("/dns4/host/tcp/0/http", '"0" is not a port'),
        ("/dns4/host/tcp/65536/http", "is not a port"),
        ("/dns4/host/tcp/\uff18\uff10/http", "is not a port"),
        ("/dns4/host/tcp/80/ws", '"ws" is not http or https'),
        ("/dns4/ho st/tcp/80/http", "is not a host name"),
        ("/dns4/user@host/tcp/80/http", "is not a host name"),
        ("/ip4/256.1.1.1/tcp/80/http", "is not an ip4 address"),
        ("/onion3/abc/tcp/80/http", '"onion3" is not one of'),
        ("/dns4/host/tcp/80/http/../secret", "is not understood"),
        ("", "too few parts"),
    ],
)
def test_what_is_no_peer_address_is_refused_with_the_wrong_part(text, part):
    with pytest.raises(ConfigurationError) as caught:
        parse_peer(text)
    assert part in str(caught.value)


def test_a_list_is_read_once_each():
    text = "/dns4/a/tcp/1/http, /dns4/b/tcp/2/http\n/dns4/a/tcp/1/http,"
    assert [address.url for address in parse_peers(text)] == ["http://a:1", "http://b:2"]


@given(st.text())
def test_any_text_is_an_address_or_a_configuration_error(text):
    try:
        address = parse_peer(text)
    except ConfigurationError:
        return
    assert address.url.startswith(("http://", "https://"))
