"""Which hosts are this machine, and which proxy the environment names for the others."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult

__all__ = ["is_loopback", "proxy_for"]


def is_loopback(host: str) -> bool:
    """Whether text sent to ``host`` stays on this machine. Decided by the name alone, nothing is resolved."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def proxy_for(url: SplitResult, env: Mapping[str, str]) -> str | None:
    """The proxy that ``env`` names for ``url``: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in either case."""
    host = url.hostname or ""
    if is_loopback(host):
        return None

    def setting(name: str) -> str | None:
        return env.get(name) or env.get(name.upper()) or None

    # A web server sets HTTP_PROXY from a client's "Proxy" header when it runs a CGI program.
    if url.scheme == "http" and "REQUEST_METHOD" in env:
        proxy = env.get("http_proxy") or None
    else:
        proxy = setting(f"{url.scheme}_proxy")
    proxy = proxy or setting("all_proxy")
    if proxy is None:
        return None
    excluded = setting("no_proxy")
    if excluded is not None:
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

        if proxy_bypass_environment(url.netloc.rpartition("@")[2], {"no": excluded}):
            return None
    return proxy if "://" in proxy else f"http://{proxy}"
