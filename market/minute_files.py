"""Where minute bars come from: one file, a folder with a file a session, or a provider, kept there."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from market.column_file import read_columns
from market.exchange import Exchange
from market.minutes import PRICES, MinuteError, Minutes, Prices
from market.provider import ProviderError

COLUMNS: Final = ("ticker", "start", "volume")
KEPT: Final = "parquet"
ENDINGS: Final = ("csv", "csv.gz", KEPT)
"""Of a session's files the first of these is read: what a person put there goes before what was kept."""


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
            MinuteFileError: The file is at fault; a bar is looked at once its ticker is asked for.
        """
        self._path, self._exchange = Path(path), exchange
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], tuple[str, ...]] | None = None
        self._whole = self._current(())

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return the tickers' bars of a session's day; None where the file has none.

        Raises:
            MinuteFileError: The file or one of their bars is at fault.
        """
        return await asyncio.to_thread(self._of, session, tickers)

    def _of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        found = self._current(tickers).during(self._exchange, session)
        return found if found.volume.size else None

    def _current(self, tickers: tuple[str, ...]) -> Minutes:
        with self._lock:
            try:
                status = self._path.stat()
            except OSError as error:
                raise MinuteFileError(f"{self._path}: {error.strerror}; check the path") from error
            wanted = (status.st_mtime_ns, status.st_size), tickers
            if wanted != self._read:
                self._whole, self._read = read_minutes(self._path, tickers), wanted
            return self._whole


class MinuteFolder:
    """Reads a folder with one file a session: `minutes-20240306.parquet`, `.csv` or `.csv.gz`."""

    def __init__(self, folder: Path, exchange: Exchange) -> None:
        self._folder, self._exchange = Path(folder), exchange

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return the tickers' bars of a session's day; None where the folder has no file of it.

        Raises:
            MinuteFileError: The file or one of their bars is at fault, or none of its bars is of that day.
        """
        path = minutes_of(self._folder, session)
        return None if path is None else await asyncio.to_thread(self._of, path, session, tickers)

    async def kept(self, session: date) -> Minutes | None:
        """Return all bars that `keep` has written of a session; None where it has not.

        Raises:
            MinuteFileError: The file is at fault.
        """
        path = self._kept_path(session)
        return await asyncio.to_thread(self._of, path, session, None) if path.exists() else None

    def is_given(self, session: date) -> bool:
        """Whether a person put a file of the session there, which none that is kept replaces."""
        path = minutes_of(self._folder, session)
        return path is not None and path != self._kept_path(session)

    def _of(self, path: Path, session: date, tickers: tuple[str, ...] | None) -> Minutes:
        whole = read_minutes(path, tickers)
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
        path = self._kept_path(session)
        try:
            await asyncio.to_thread(_write, path, minutes)
        except OSError as error:
            raise MinuteFileError(
                f"{path}: cannot be written: {error.strerror}; make room, or name another folder"
            ) from error

    def _kept_path(self, session: date) -> Path:
        return self._folder / f"{_stem(session)}.{KEPT}"


class KeptMinutes:
    """Asks a provider for the tickers that a folder's file of a session lacks, and keeps what comes there."""

    def __init__(self, provider: MinuteSource, folder: MinuteFolder) -> None:
        self._provider, self._folder = provider, folder

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return a session's bars; None where neither has any.

        A file that a person put there is read as it is. A kept one that cannot be read is asked for again.

        Raises:
            MinuteFileError: A file is at fault and nothing came in its place, or nothing can be kept.
            ProviderError: Nothing is kept, and nothing came.
        """
        if self._folder.is_given(session):
            return await self._folder.of(session, tickers)
        kept, fault = None, None
        try:
            kept = await self._folder.kept(session)
        except MinuteFileError as error:
            fault = error
        held = frozenset() if kept is None else kept.names
        lacking = tuple(ticker for ticker in tickers if ticker not in held)
        if not lacking:
            return kept
        try:
            came = await self._provider.of(session, lacking)
        except ProviderError:
            if kept is None:
                raise
            return kept
        if came is None:
            if fault is not None:
                raise fault
            return kept
        whole = came if kept is None else kept.joined(came)
        await self._folder.keep(session, whole)
        return whole


def minutes_of(folder: Path, session: date) -> Path | None:
    """Return the file of a session in a folder; None where there is none."""
    paths = (folder / f"{_stem(session)}.{ending}" for ending in ENDINGS)
    return next((path for path in paths if path.exists()), None)


def read_minutes(path: Path, tickers: tuple[str, ...] | None = None) -> Minutes:
    """Read minute bars: `ticker`, `start` (with a time zone, or UTC), `volume` in shares.

    The prices `open`, `high`, `low` and `close` in USD may be there; all four are, or none is read.

    Args:
        path: Its path.
        tickers: Whose bars are read; None for all. A faulty bar of another ticker does no harm.

    Raises:
        MinuteFileError: The file or a bar is at fault.
    """
    table = read_columns(path, COLUMNS, MinuteFileError)
    kind = table.schema.field("start").type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        raise MinuteFileError(f"{path}: start is a number ({kind}); write instants as 2024-03-06T14:30:00Z")
    try:
        names = table.column("ticker").cast(pa.string())
        if tickers is not None:
            table = table.filter(pc.is_in(names, pa.array(tickers, pa.string())))
        elif names.null_count:
            raise MinuteFileError(f"{path}: a bar has no ticker; name it, or drop the bar")
        return _bars(table)
    except (MinuteError, pa.ArrowException) as error:
        raise MinuteFileError(f"{path}: {error}") from error


def _bars(table: pa.Table) -> Minutes:
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
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as file:
            pq.write_table(pa.table(columns), file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Let a new name in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
