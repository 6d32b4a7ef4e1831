"""Addresses that files may be downloaded from."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_safe_url(url: str) -> bool:
    """Return whether a download is safe from changes on the way: HTTPS, or this machine.

    Args:
        url: the address.

    >>> is_safe_url("https://example.org/a.zip"), is_safe_url("http://127.0.0.1:8000/a.zip")
    (True, True)
    >>> is_safe_url("http://example.org/a.zip"), is_safe_url("file:///etc/passwd")
    (False, False)
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme != "http":
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
