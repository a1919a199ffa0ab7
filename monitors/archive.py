"""The archive: a prepared reference as bytes and back, digit for digit, at about 30 kB a feature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.arrays import FloatArray, IntArray
from monitors.drift import DriftReference, FeatureReference
from monitors.ks import RankGrid
from monitors.own_windows import OwnWindows
from monitors.reading import NoData
from monitors.window_law import WindowLaw

MAGIC = b"forewarn drift reference 1\n"


def to_bytes(reference: DriftReference) -> bytes:
    """Store a reference; equal references give equal bytes.

    A knot takes four bytes where single precision holds it exactly, a rank the fewest bytes that hold its
    distance from the one before.

    Example:
        >>> from monitors.drift import prepare_reference
        >>> values = np.random.default_rng(1).standard_normal((300, 1, 2))
        >>> reference = prepare_reference(values, ("volume", "momentum"), window=20)
        >>> to_bytes(from_bytes(to_bytes(reference))) == to_bytes(reference)
        True
    """
    blobs: list[bytes] = []
    features = [_packed(feature, blobs) for feature in reference.features]
    header = {"window": reference.window, "sessions": reference.sessions, "features": features}
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([MAGIC, len(text).to_bytes(4, "little"), text, *blobs])


def from_bytes(stored: bytes) -> DriftReference:
    """The inverse of `to_bytes`.

    Raises:
        ValueError: When the bytes are not a reference of this version, or cut short.
    """
    if not stored.startswith(MAGIC):
        raise ValueError(f"not a drift reference of this version: it begins with {stored[:27]!r}")
    start = len(MAGIC) + 4
    length = int.from_bytes(stored[start - 4 : start], "little")
    try:
        header = json.loads(stored[start : start + length])
        arrays = _arrays(stored, start + length)
        features = tuple(_unpacked(feature, arrays) for feature in header["features"])
    except (ValueError, KeyError) as error:
        raise ValueError(f"a drift reference of {len(stored)} bytes is damaged: {error}") from error
    return DriftReference(header["window"], header["sessions"], features)


def digest(reference: DriftReference) -> str:
    """Sixteen hexadecimal digits that name the content of a reference."""
    return blake2b(to_bytes(reference), digest_size=8).hexdigest()


def _packed(feature: FeatureReference, blobs: list[bytes]) -> dict[str, Any]:
    grid, null = feature.grid, feature.null
    with np.errstate(over="ignore"):
        single = grid.knots.astype(np.float32)
    inexact = (single != grid.knots).nonzero()[0]
    blobs += map(
        _blob, (single, _small(inexact), grid.knots[inexact], _small(np.diff(grid.below, prepend=0)))
    )
    blobs += map(_blob, map(_small, (feature.coarse, feature.edges, feature.counts)))
    if null is not None:
        blobs += map(_blob, map(_halved, (null.psi.ordered, null.ks.ordered, null.p_values)))
    return {
        "name": feature.name,
        "n": feature.n,
        "missing": feature.missing,
        "reason": feature.reason,
        "error": grid.error,
        "repeats": feature.repeats,
        "null": None if null is None else [null.n, *_moments(null.psi), *_moments(null.ks)],
    }


def _unpacked(stored: dict[str, Any], arrays: Iterator[NDArray[Any]]) -> FeatureReference:
    knots: FloatArray = next(arrays).astype(np.float64)
    inexact = next(arrays)
    knots[inexact] = next(arrays)
    below = np.cumsum(next(arrays), dtype=np.int64)
    coarse, edges, counts = (_whole(next(arrays)) for _ in range(3))
    null = None
    if stored["null"] is not None:
        n, *moments = stored["null"]
        psi, ks, p_values = (next(arrays).astype(np.float64) for _ in range(3))
        null = OwnWindows(WindowLaw(psi, *moments[:3]), WindowLaw(ks, *moments[3:]), p_values, n)
    reason = None if stored["reason"] is None else NoData(stored["reason"])
    grid = RankGrid(knots, below, stored["n"], stored["error"])
    return FeatureReference(
        stored["name"],
        stored["n"],
        stored["missing"],
        reason,
        grid,
        coarse,
        edges,
        counts,
        null,
        stored["repeats"],
    )


def _moments(law: WindowLaw) -> tuple[float, float, float]:
    return law.mean, law.degrees, law.disjoint


def _small(values: IntArray) -> NDArray[Any]:
    """Whole numbers in the fewest bytes that hold the greatest."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def _halved(values: FloatArray) -> NDArray[Any]:
    """Single precision where that loses nothing."""
    single = values.astype(np.float32)
    return single if np.array_equal(single, values, equal_nan=True) else values


def _whole(values: NDArray[Any]) -> IntArray:
    return values.astype(np.int64)


def _blob(values: NDArray[Any]) -> bytes:
    little = values.astype(values.dtype.newbyteorder("<"))
    return little.dtype.str.encode().ljust(4) + len(values).to_bytes(4, "little") + little.tobytes()


def _arrays(stored: bytes, at: int) -> Iterator[NDArray[Any]]:
    while at < len(stored):
        kind = np.dtype(stored[at : at + 4].decode().strip())
        count = int.from_bytes(stored[at + 4 : at + 8], "little")
        yield np.frombuffer(stored, kind, count, at + 8)
        at += 8 + count * kind.itemsize
