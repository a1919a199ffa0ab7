"""Retry-After: how long a provider wants to be left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks for, None where there is none that can be read.

    It holds seconds or an instant (RFC 9110, 10.2.3); an instant is measured from the answer's own `Date`,
    where there is one, as the two clocks may differ.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        since = parsedate_to_datetime(headers["Date"]) if "Date" in headers else now
        return max((until - since).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
