"""The addresses of peers: ``/dns4/host/tcp/8000/http`` to ``http://host:8000`` and back to nothing else.

Only what names an HTTP server is understood; what is not is refused with the part that is wrong.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from backends.exceptions import ConfigurationError

__all__ = ["PeerAddress", "parse_peer", "parse_peers"]

_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
_FORM = "/dns4/host/tcp/8000/http or /ip4/127.0.0.1/tcp/8000/http"


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a peer's REST API is."""

    multiaddr: str
    url: str
    #: Whether the address is this machine's own loopback.
    loopback: bool
    peer_id: str | None = None


def parse_peers(text: str) -> list[PeerAddress]:
    """Several addresses, separated by commas or spaces, each once."""
    return list(
        {address.url: address for address in map(parse_peer, re.split(r"[,\s]+", text.strip(", \t\n")))}.values()
    )


def parse_peer(text: str) -> PeerAddress:
    """One address: host, TCP port, ``http`` or ``https`` (``tls/http``), and a ``p2p`` identity that is kept."""
    parts = text.strip().split("/")
    if len(parts) < 6 or parts[0] != "":
        raise _wrong(text, "it has too few parts")
    host, loopback = _host(parts[1], parts[2], text)
    if parts[3] != "tcp":
        raise _wrong(text, f'"{parts[3]}" is not tcp')
    if not parts[4].isascii() or not parts[4].isdigit() or not 1 <= int(parts[4]) <= 65535:
        raise _wrong(text, f'"{parts[4]}" is not a port')
    scheme, rest = _scheme(parts[5:], text)
    peer_id = None
    if rest[:1] == ["p2p"] and len(rest) == 2 and rest[1]:
        peer_id, rest = rest[1], []
    if rest not in ([], [""]):
        raise _wrong(text, f'"/{"/".join(rest)}" is not understood')
    return PeerAddress(text.strip(), f"{scheme}://{host}:{int(parts[4])}", loopback, peer_id)


def _host(protocol: str, value: str, text: str) -> tuple[str, bool]:
    if protocol in ("ip4", "ip6"):
        try:
            address = ipaddress.IPv4Address(value) if protocol == "ip4" else ipaddress.IPv6Address(value)
        except ValueError:
            raise _wrong(text, f'"{value}" is not an {protocol} address') from None
        return (f"[{address}]" if protocol == "ip6" else str(address)), address.is_loopback
    if protocol in ("dns", "dns4", "dns6"):
        if not _HOST.fullmatch(value):
            raise _wrong(text, f'"{value}" is not a host name')
        return value, value.rstrip(".").lower() == "localhost"
    raise _wrong(text, f'"{protocol}" is not one of dns4, dns6, dns, ip4, ip6')


def _scheme(parts: list[str], text: str) -> tuple[str, list[str]]:
    if parts[:2] == ["tls", "http"]:
        return "https", parts[2:]
    if parts[0] in ("http", "https"):
        return parts[0], parts[1:]
    raise _wrong(text, f'"{parts[0]}" is not http or https')


def _wrong(text: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f'"{text.strip()}" is no peer address: {reason}; write it like {_FORM}')
