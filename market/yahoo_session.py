"""The session through which yfinance asks Yahoo: what it must not see as an answer, it never sees."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import RequestException, Timeout

from market.provider import (
    NotSentError,
    ProviderTimeoutError,
    RateLimitedError,
    TransientProviderError,
    UnknownTickerError,
    UnusableAnswerError,
)
from market.retry_after import retry_after_s
from market.yahoo_chart import check_chart

CHART = "/v8/finance/chart/"
LEAST_S = 0.05
OUTER = 0.95
"""Share of the time-out after which the session gives up, so that its thread ends before its caller."""


class YahooSession(Session[Response]):
    """A browser-like session that raises what yfinance would swallow, keep, or ask again at once.

    yfinance repeats a request at once where it was told to slow down, loses `Retry-After`, and keeps a failed
    answer as if it were a good one. Here 429, 5xx, a page instead of JSON and an unknown ticker are errors
    before yfinance sees them, and nothing is sent while silence is wanted. A first 401 or 403 is left to it:
    it then renews its cookie and asks again.

    Args:
        url: Where all of Yahoo's hosts are asked; "" leaves them as they are.
        timeout_s: Longest wait for one ticker's answer, cookies included.
        now: Tells the present, aware UTC.
    """

    def __init__(self, url: str, *, timeout_s: float, now: Callable[[], datetime]) -> None:
        super().__init__(impersonate="chrome")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s * OUTER
        self._now = now
        self._asking = threading.local()
        self._silent_until_s = float("-inf")

    def begin(self) -> None:
        """Begin to ask for one ticker on this thread."""
        self._asking.until_s = time.monotonic() + self._timeout_s
        self._asking.refused = False

    def request(self, method: Any, url: str, **options: Any) -> Response:  # type: ignore[override]  # noqa: ANN401
        """Ask, and return the answer if yfinance may have it.

        Raises:
            TransientProviderError: It may not.
            UnknownTickerError: Yahoo does not know the ticker.
        """
        path = urlsplit(url).path
        if (held_s := self._silent_until_s - time.monotonic()) > 0:
            raise NotSentError("another request was told to slow down", held_s)
        left_s = max(self._asking.until_s - time.monotonic(), LEAST_S)
        options["timeout"] = min(left_s, options.get("timeout") or left_s)
        try:
            response = super().request(method, self._placed(url), **options)
        except Timeout:
            raise ProviderTimeoutError("no answer in time") from None
        except RequestException as error:
            raise TransientProviderError(f"{type(error).__name__}: {error}") from error
        if response.status_code == 429:
            wanted_s = retry_after_s(_headers(response), self._now())
            self._silent_until_s = max(self._silent_until_s, time.monotonic() + (wanted_s or 0.0))
            raise RateLimitedError("429 Too Many Requests", wanted_s)
        if path.startswith(CHART):
            self._check(response)
        return response

    def _placed(self, url: str) -> str:
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._url}{parts.path}{query}" if self._url else url

    def _check(self, response: Response) -> None:
        status = response.status_code
        if status in {401, 403}:
            if self._asking.refused:
                raise TransientProviderError(f"Yahoo refuses to answer ({status})")
            self._asking.refused = True
            return
        if status >= 500:
            raise TransientProviderError(f"{status} {response.reason}".strip())
        try:
            answer = json.loads(response.content)
        except ValueError:
            kind = _headers(response).get("Content-Type", "no kind")
            raise UnusableAnswerError(
                f"the answer is no whole JSON ({status}, {len(response.content)} bytes of {kind})"
            ) from None
        if status == 404:
            raise UnknownTickerError(_said(answer) or "404 Not Found")
        if status != 200:
            raise TransientProviderError(f"{status} {_said(answer)}".strip())
        check_chart(answer)


def _headers(response: Response) -> dict[str, str]:
    return {name.title(): value for name, value in response.headers.items() if value is not None}


def _said(answer: Any) -> str:  # noqa: ANN401 - JSON
    try:
        return str(answer["chart"]["error"]["description"])
    except (KeyError, TypeError):
        return ""
