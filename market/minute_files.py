"""Where minute bars come from: one file, a folder with a file a session, or a provider, kept there."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from market.column_file import read_columns
from market.exchange import Exchange
from market.minutes import PRICES, MinuteError, Minutes, Prices

COLUMNS: Final = ("ticker", "start", "volume")
ENDINGS: Final = ("parquet", "csv", "csv.gz")


class MinuteFileError(ValueError):
    """A file of minute bars cannot be used; the text names it, the bar and the fix."""


class MinuteSource(Protocol):
    """Gives the minute bars of a session, extended hours included where it has them."""

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return the bars of some tickers, perhaps of others too; None where there are none.

        Raises:
            MinuteFileError: A file is at fault.
            ProviderError: They did not come.
        """


class MinuteFile:
    """Serves a file of all sessions, and reads it again when it changes."""

    def __init__(self, path: Path, exchange: Exchange) -> None:
        """Read it.

        Raises:
            MinuteFileError: The file or a bar is at fault.
        """
        self._path, self._exchange = Path(path), exchange
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._whole = self._current()

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return the bars of a session's day; None where the file has none.

        Raises:
            MinuteFileError: The file or a bar is at fault.
        """
        return await asyncio.to_thread(self._of, session)

    def _of(self, session: date) -> Minutes | None:
        found = self._current().during(self._exchange, session)
        return found if found.volume.size else None

    def _current(self) -> Minutes:
        with self._lock:
            try:
                status = self._path.stat()
            except OSError as error:
                raise MinuteFileError(f"{self._path}: {error.strerror}; check the path") from error
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._whole, self._stamp = read_minutes(self._path), stamp
            return self._whole


class MinuteFolder:
    """Reads a folder with one file a session: `minutes-20240306.parquet`, `.csv` or `.csv.gz`."""

    def __init__(self, folder: Path, exchange: Exchange) -> None:
        self._folder, self._exchange = Path(folder), exchange

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return the bars of a session's day; None where the folder has no file of it.

        Raises:
            MinuteFileError: The file or a bar is at fault, or none of its bars is of that day.
        """
        return await asyncio.to_thread(self._of, session)

    def _of(self, session: date) -> Minutes | None:
        path = minutes_of(self._folder, session)
        if path is None:
            return None
        whole = read_minutes(path)
        found = whole.during(self._exchange, session)
        if whole.volume.size and not found.volume.size:
            raise MinuteFileError(
                f"{path}: no bar is of {session}; the first begins at {whole.starts[0]} UTC"
            )
        return found

    async def keep(self, session: date, minutes: Minutes) -> None:
        """Write a session's bars, whole or not at all.

        Raises:
            MinuteFileError: They cannot be written.
        """
        path = self._folder / f"{_stem(session)}.parquet"
        try:
            await asyncio.to_thread(_write, path, minutes)
        except OSError as error:
            raise MinuteFileError(
                f"{path}: cannot be written: {error.strerror}; make room, or name another folder"
            ) from error


class KeptMinutes:
    """Asks a provider for what a folder has no file of, and keeps what comes there."""

    def __init__(self, provider: MinuteSource, folder: MinuteFolder) -> None:
        self._provider, self._folder = provider, folder

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return a session's bars; None where neither has any.

        Raises:
            MinuteFileError: The kept file is at fault, or nothing can be kept.
            ProviderError: They did not come.
        """
        kept = await self._folder.of(session, tickers)
        if kept is not None:
            return kept
        found = await self._provider.of(session, tickers)
        if found is not None:
            await self._folder.keep(session, found)
        return found


def minutes_of(folder: Path, session: date) -> Path | None:
    """Return the file of a session in a folder; None where there is none."""
    paths = (folder / f"{_stem(session)}.{ending}" for ending in ENDINGS)
    return next((path for path in paths if path.exists()), None)


def read_minutes(path: Path) -> Minutes:
    """Read minute bars: `ticker`, `start` (with a time zone, or UTC), `volume` in shares.

    The prices `open`, `high`, `low` and `close` in USD may be there; all four are, or none is read.

    Raises:
        MinuteFileError: The file or a bar is at fault.
    """
    table = read_columns(path, COLUMNS, MinuteFileError)
    try:
        starts = table.column("start").cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
        tickers = table.column("ticker").cast(pa.string()).combine_chunks().dictionary_encode()
        names = np.array(tickers.dictionary.to_pylist(), dtype=np.str_)
        return Minutes(
            names[tickers.indices.to_numpy()] if len(names) else np.empty(0, dtype=np.str_),
            np.asarray(starts.to_numpy(), dtype="datetime64[us]"),
            _floats(table, "volume"),
            Prices(*(_floats(table, name) for name in PRICES))
            if set(PRICES) <= set(table.column_names)
            else None,
        )
    except (MinuteError, pa.ArrowException) as error:
        raise MinuteFileError(f"{path}: {error}") from error


def _floats(table: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(table.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)


def _stem(session: date) -> str:
    return f"minutes-{session:%Y%m%d}"


def _write(path: Path, minutes: Minutes) -> None:
    columns = {"ticker": pa.array(minutes.tickers.tolist(), pa.string()).dictionary_encode()}
    columns["start"] = pa.array(minutes.starts.astype("datetime64[us]"), pa.timestamp("us", "UTC"))
    columns["volume"] = pa.array(minutes.volume)
    if minutes.prices is not None:
        columns |= {name: pa.array(getattr(minutes.prices, name)) for name in PRICES}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            pq.write_table(pa.table(columns), file, compression="zstd")
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
