"""The provider that reads a price file: one of yours, or the sample that ships with the project."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from market.panel import FIELDS, Panel
from market.price_file import PriceFileError, read_prices
from market.provider import Fetched, PermanentProviderError


class FileProvider:
    """Serves a price file, and reads it again when it changes.

    A change is a new modification time or size. Write the new file beside the old one and rename it over:
    a file half written is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._panel: Panel | None = None

    async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        """Return the file's bars from `start` to `end`, both inclusive.

        Raises:
            PermanentProviderError: The file cannot be used; the message is that of `PriceFileError`.
        """
        whole = await asyncio.to_thread(self._current)
        wanted = tuple(dict.fromkeys(tickers))
        failed = tuple(
            (ticker, f"{self.path} has no rows for it") for ticker in wanted if ticker not in whole.tickers
        )
        rows = whole.rows(bisect_left(whole.sessions, start), bisect_right(whole.sessions, end))
        return Fetched(_with_bars(_pick(rows, wanted)), failed)

    def _current(self) -> Panel:
        with self._lock:
            try:
                status = self.path.stat()
                stamp = (status.st_mtime_ns, status.st_size)
                if self._panel is None or stamp != self._stamp:
                    self._panel, self._stamp = read_prices(self.path), stamp
            except FileNotFoundError as error:
                raise PermanentProviderError(f"{self.path}: there is no such file; check the path") from error
            except (PriceFileError, OSError) as error:
                raise PermanentProviderError(str(error)) from error
            return self._panel


def _pick(panel: Panel, tickers: tuple[str, ...]) -> Panel:
    """Return the named columns, NaN for those the panel does not have."""
    place = {ticker: column for column, ticker in enumerate(panel.tickers)}
    known = [column for column, ticker in enumerate(tickers) if ticker in place]
    source = [place[tickers[column]] for column in known]
    grids = []
    for name in FIELDS:
        grid = np.full((len(panel.sessions), len(tickers)), np.nan)
        grid[:, known] = getattr(panel, name)[:, source]
        grids.append(grid)
    return Panel(panel.sessions, tickers, *grids)


def _with_bars(panel: Panel) -> Panel:
    """Return the sessions for which any ticker has a close."""
    return panel.select(np.logical_not(np.isnan(panel.close).all(axis=1)))
