"""Addresses: which base URL is usable, which hosts are this machine, which proxy stands before the others."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from backends.exceptions import ConfigurationError, redact

__all__ = ["check_base_url", "is_loopback", "join_url", "proxy_for"]


def check_base_url(base_url: str, provider: str) -> SplitResult:
    """Return the parts of a usable base URL; raise ConfigurationError otherwise."""
    problem = None
    try:
        parts = urlsplit(base_url.strip())
        if parts.scheme not in ("http", "https"):
            problem = "must begin with http:// or https://"
        elif not parts.hostname or parts.port == 0:
            problem = "names no host"
        elif parts.username is not None or parts.password is not None:
            problem = "must not hold a user name or password; use api_key"
    except ValueError as error:
        raise ConfigurationError(f"base_url is no URL: {redact(base_url)!r:.120}", provider=provider) from error
    if problem:
        raise ConfigurationError(f"base_url {problem}: {redact(base_url)!r:.120}", provider=provider)
    return parts._replace(fragment="")


def join_url(base: SplitResult, path: str) -> str:
    """``path``, which may bring a query, under ``base``, which may have one too."""
    addition, _, query = path.partition("?")
    queries = "&".join(part for part in (base.query, query) if part)
    return base._replace(path=f"{base.path.rstrip('/')}/{addition.lstrip('/')}", query=queries).geturl()


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
