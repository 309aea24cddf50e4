"""Which hosts are this machine, and which proxy stands before the others."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from backends.http_address import is_loopback, proxy_for

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "api.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_a_loopback_host_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "localhost.example", "10.0.0.1", "0.0.0.0", "128.0.0.1", "127.0.0.1.example", "::2", "::ffff:10.0.0.1"]
)
def test_any_other_host_is_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "env", "expected"),
    [
        ("https://a.example/v1", {}, None),
        ("https://a.example/v1", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://a.example/v1", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ("https://a.example/v1", {"HTTP_PROXY": PROXY}, None),
        ("https://a.example/v1", {"ALL_PROXY": PROXY}, PROXY),
        ("https://a.example/v1", {"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ("https://a.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "a.example"}, None),
        ("https://a.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": ".example, b.test"}, None),
        ("https://a.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ("https://a.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "b.example"}, PROXY),
        ("http://a.example/v1", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://a.example/v1", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
        ("http://127.0.0.1:8080/v1", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None),
        ("http://localhost/v1", {"ALL_PROXY": PROXY}, None),
    ],
)
def test_the_environment_names_the_proxy(url: str, env: dict[str, str], expected: str | None) -> None:
    assert proxy_for(urlsplit(url), env) == expected
