"""The evidence: what a history says, kept session by session, so that any stretch of it can be added up.

A fit needs sums over sessions only. They are formed once per session, so a refit costs as much as there are
sessions and features, whatever the number of tickers.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from forecaster.signals.registry import PRESENT, Signal
from market.panel import FloatArray

BoolArray = NDArray[np.bool_]

DROPOUT: Final = 0.2
"""Share of signals that is silenced, at random, in the sessions that the meta-learner learns from."""


CHUNK: Final = 32
"""Sessions gathered at once: their ranks fit into a core's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What a model is fitted to; the newest session is the one at whose close it is fitted.

    Attributes:
        sessions: In order.
        ranks: Centred ranks, shape (sessions, tickers, features), the features being those of `signals` one
            after the other; NaN where unknown.
        outcomes: 1.0 where the target came, 0.0 where not, NaN where unknown or undecided, shape (sessions,
            tickers). What could not be known at the newest session's close is not read.
        signals: The signals to be fitted.
        regimes: Name of each session's regime, "" where unknown; empty where none is known.
        sectors: Sector of each ticker, "" where unknown; empty where none is known.
    """

    sessions: tuple[date, ...]
    ranks: FloatArray
    outcomes: FloatArray
    signals: tuple[Signal, ...]
    regimes: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        features = sum(len(signal.features) for signal in self.signals)
        tickers = self.outcomes.shape[-1]
        for name, got, wanted in (
            ("ranks", self.ranks.shape, (len(self.sessions), tickers, features)),
            ("outcomes", self.outcomes.shape, (len(self.sessions), tickers)),
        ):
            if got != wanted:
                raise ValueError(f"history's {name} have shape {got}, {wanted} is needed")
        for name, labels, n in (
            ("regimes", self.regimes, len(self.sessions)),
            ("sectors", self.sectors, tickers),
        ):
            if len(labels) not in {0, n}:
                raise ValueError(f"history has {len(labels)} {name}, {n} or none are needed")


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A history, ready to be added up.

    Attributes:
        sessions: In order.
        signals: The signals.
        x: Ranks with the unknown as 0, and 0 too where the row's signal is silent, shape (sessions, tickers,
            features).
        present: Where a signal speaks: half of its features are known, shape (sessions, tickers, signals).
        outcomes: 1.0, 0.0 or NaN, shape (sessions, tickers).
        grams: Sum over the session's resolved tickers of x x', shape (sessions, features, features).
        products: Sum of x times the outcome, shape (sessions, features).
        sums: Sum of x, shape (sessions, features).
        resolved: Tickers with an outcome, shape (sessions,).
        hits: Sum of their outcomes, shape (sessions,).
        heard: Where a signal is not silenced by the dropout, shape (sessions, signals).
        regimes: Place of each session's regime in `regime_names`, -1 unknown, shape (sessions,).
        regime_names: Names that occur.
        sectors: Place of each ticker's sector in `sector_names`, -1 unknown, shape (tickers,).
        sector_names: Names that occur.
        digests: SHA-256 of what each session holds.
    """

    sessions: tuple[date, ...]
    signals: tuple[Signal, ...]
    x: FloatArray
    present: BoolArray
    outcomes: FloatArray
    grams: FloatArray
    products: FloatArray
    sums: FloatArray
    resolved: FloatArray
    hits: FloatArray
    heard: BoolArray
    regimes: NDArray[np.intp]
    regime_names: tuple[str, ...]
    sectors: NDArray[np.intp]
    sector_names: tuple[str, ...]
    digests: tuple[bytes, ...]

    def between(self, start: int, stop: int) -> Evidence:
        """Return sessions `start` (inclusive) to `stop` (exclusive) as a view."""
        cut = slice(start, stop)
        return Evidence(
            self.sessions[cut],
            self.signals,
            self.x[cut],
            self.present[cut],
            self.outcomes[cut],
            self.grams[cut],
            self.products[cut],
            self.sums[cut],
            self.resolved[cut],
            self.hits[cut],
            self.heard[cut],
            self.regimes[cut],
            self.regime_names,
            self.sectors,
            self.sector_names,
            self.digests[cut],
        )

    def heard_of(self, least: float) -> Evidence:
        """Return the evidence of those signals that speak in at least a share of the rows, itself for all."""
        share = self.present.mean(axis=(0, 1)) if self.present.size else np.zeros(len(self.signals))
        kept = np.flatnonzero(share >= least)
        if len(kept) == len(self.signals):
            return self
        places = self.places
        columns = np.array([i for one in kept for i in range(places[one].start, places[one].stop)], np.intp)
        return replace(
            self,
            signals=tuple(self.signals[one] for one in kept),
            x=self.x[..., columns],
            present=self.present[..., kept],
            grams=self.grams[:, columns[:, None], columns],
            products=self.products[:, columns],
            sums=self.sums[:, columns],
            heard=self.heard[:, kept],
        )

    @property
    def places(self) -> tuple[slice, ...]:
        """Where each signal's features lie along the last axis of `x`."""
        return feature_places(self.signals)


def feature_places(signals: Sequence[Reads]) -> tuple[slice, ...]:
    """Return where each signal's features lie when all of them are put one after the other."""
    ends = np.cumsum([len(signal.features) for signal in signals]).tolist()
    return tuple(slice(end - len(one.features), end) for one, end in zip(signals, ends, strict=True))


class Reads(Protocol):
    """What reads features: a signal, or a fitted one."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        ...


def speaking(ranks: FloatArray, signals: Sequence[Reads]) -> tuple[FloatArray, BoolArray]:
    """Return what signals read of ranks, and which of them speak of which ticker.

    Args:
        ranks: Shape (..., tickers, features); NaN where unknown.
        signals: The signals, whose features these are one after the other.

    Returns:
        The ranks with 0 where unknown or where the signal is silent, and where signals speak, shape (...,
        tickers, signals).
    """
    sizes = np.array([len(signal.features) for signal in signals])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    known = ~np.isnan(ranks)
    present = np.add.reduceat(known, starts, axis=-1, dtype=np.intp) >= PRESENT * sizes
    return np.where(known & np.repeat(present, sizes, axis=-1), ranks, 0.0), present


def gather(history: History, *, seed: int = 0) -> Evidence:
    """Form the sums of a history, each session's from that session alone.

    Args:
        history: Unresolved sessions may be part of it.
        seed: Of the dropout, which depends on it and on a session's date only.
    """
    n, tickers, features = history.ranks.shape
    x, grams = np.empty((n, tickers, features)), np.empty((n, features, features))
    products, sums = np.empty((n, features)), np.empty((n, features))
    present = np.empty((n, tickers, len(history.signals)), np.bool_)
    known = ~np.isnan(history.outcomes)
    outcomes = np.where(known, history.outcomes, 0.0)
    for start in range(0, n, CHUNK):
        here = slice(start, start + CHUNK)
        x[here], present[here] = speaking(history.ranks[here], history.signals)
        counted = known[here].astype(np.float64)
        resolved = x[here] * counted[..., None]
        grams[here] = np.matmul(resolved.transpose(0, 2, 1), resolved)
        products[here] = np.matmul(outcomes[here, None, :], x[here])[:, 0]
        sums[here] = np.matmul(counted[:, None, :], x[here])[:, 0]
    regime_names, regimes = _coded(history.regimes, n)
    sector_names, sectors = _coded(history.sectors, tickers)
    days = zip(history.sessions, history.ranks, history.outcomes, strict=True)
    return Evidence(
        history.sessions,
        history.signals,
        x,
        present,
        history.outcomes,
        grams,
        products,
        sums,
        known.sum(axis=1).astype(np.float64),
        outcomes.sum(axis=1),
        _heard(history.sessions, history.signals, seed),
        regimes,
        regime_names,
        sectors,
        sector_names,
        tuple(_digest(*day) for day in days),
    )


def _heard(sessions: Sequence[date], signals: Sequence[Signal], seed: int) -> BoolArray:
    """Draw which signals are heard; one draw a session and signal name, whatever else is asked for."""
    days = np.array([day.toordinal() for day in sessions], np.uint64)[:, None]
    names = np.array([zlib.crc32(signal.name.encode()) for signal in signals], np.uint64)
    drawn = _scrambled(_scrambled(days + np.uint64(seed % 2**32) * np.uint64(2**20)) ^ names)
    return np.asarray(drawn >= np.uint64(int(DROPOUT * 2**64)))


def _scrambled(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread numbers over all of 64 bits (splitmix64, Steele, Lea and Flood 2014)."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _digest(session: date, ranks: FloatArray, outcomes: FloatArray) -> bytes:
    digest = hashlib.sha256(session.isoformat().encode())
    digest.update((ranks + 0.0).tobytes())
    digest.update((outcomes + 0.0).tobytes())
    return digest.digest()


def _coded(labels: Sequence[str], n: int) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    names = tuple(sorted(set(labels) - {""}))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place.get(label, -1) for label in labels or [""] * n], np.intp)
