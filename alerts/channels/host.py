"""Hosts: which ones a secret may be sent to without encryption."""

from __future__ import annotations

from ipaddress import ip_address


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
