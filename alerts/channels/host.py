"""Hosts: which ones a secret may be sent to, and without encryption."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine itself, so that nothing crosses a network.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("hooks.slack.com")
    (True, True, False)
    """
    if host.casefold() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def safe_host(url: str) -> str:
    """Return the host of a URL that encrypts (https, or http to this machine), or "" for any other text.

    >>> safe_host("https://hooks.slack.com/services/T/B/X"), safe_host("http://example.org")
    ('hooks.slack.com', '')
    """
    try:
        parts = urlsplit(url)
        host, scheme, _ = parts.hostname or "", parts.scheme, parts.port
    except ValueError:
        return ""
    return host if scheme == "https" or (scheme == "http" and is_loopback(host)) else ""
