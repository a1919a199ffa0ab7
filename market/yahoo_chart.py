"""A chart answer of Yahoo: what must hold before its instants are read as sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from market.provider import UnusableAnswerError

NOON = 12


def check_chart(answer: Any) -> None:  # noqa: ANN401 - JSON
    """Look whether a daily chart answer's bars can be told apart by session.

    Yahoo stamps a daily bar with its session's opening, which is in the morning wherever it is; only the
    running session's bar has the time of its last trade. A zone that turns most openings into afternoons
    would move bars to another day, and a zone whose offset is not the one the answer names is not its own.

    Raises:
        UnusableAnswerError: It is not a chart, its time zone is not the exchange's, or two different bars are
            of one session.
    """
    try:
        chart = answer["chart"]
        result = (chart["result"] or [None])[0]
    except (KeyError, TypeError, IndexError):
        raise UnusableAnswerError(f"the answer is not a chart: {answer!s:.60}") from None
    if chart.get("error") or result is None:
        return  # yfinance tells what Yahoo said
    stamps = result.get("timestamp") or []
    if not stamps:
        return
    zone = _zone(result.get("meta") or {})
    try:
        opened = [datetime.fromtimestamp(stamp, zone) for stamp in stamps]
    except (TypeError, ValueError, OverflowError, OSError):
        raise UnusableAnswerError("timestamp holds what is not seconds since 1970") from None
    if 2 * sum(moment.hour >= NOON for moment in opened[:-1]) > len(opened) - 1 > 0:
        raise UnusableAnswerError(
            f"sessions open in the afternoon of {zone.key}: that is not their time zone"
        )
    _check_doubles(opened[:-1], result)


def _zone(meta: dict[str, Any]) -> ZoneInfo:
    name, offset = meta.get("exchangeTimezoneName"), meta.get("gmtoffset")
    try:
        zone = ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        raise UnusableAnswerError(f"exchangeTimezoneName is {name!r:.40}, not a time zone") from None
    known = {
        shift.total_seconds()
        for month in (1, 7)
        if (shift := datetime(2024, month, 1, tzinfo=UTC).astimezone(zone).utcoffset()) is not None
    }
    if offset is not None and offset not in known:
        raise UnusableAnswerError(f"gmtoffset is {offset}, which {name} never is: that is not its time zone")
    return zone


def _check_doubles(opened: list[datetime], result: dict[str, Any]) -> None:
    """Look for two different bars of one session; the newest bar aside, which Yahoo does tell twice."""
    closes = ((result.get("indicators") or {}).get("quote") or [{}])[0].get("close") or []
    first: dict[object, object] = {}
    for moment, close in zip(opened, closes, strict=False):
        if first.setdefault(moment.date(), close) != close:
            raise UnusableAnswerError(f"two different bars of {moment.date()}")
