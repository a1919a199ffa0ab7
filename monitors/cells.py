"""Cells: between which knots of its feature a value lies, found by arithmetic and a table, not by sorting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors.arrays import BoolArray, FloatArray, IntArray

Places = NDArray[np.int32]
WIDEST = 1e300  # a scale that can still be multiplied by the number of buckets


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The knots of many features, each with a table that leads from a value to its neighbourhood.

    Cell k of a feature holds the values in `(knot[k-1], knot[k]]`. A value's distance d from the feature's
    middle becomes a bucket through d / (|d| + spread), which never falls as the value rises, rounding
    included: knots in lower buckets are smaller than the value, knots in higher ones greater. Only those in
    the value's own bucket, mostly one or none, are compared with it, so that the cell is exact.

    Attributes:
        knots: Increasing, padded with +inf to `stride` a feature, shape (features * stride,).
        stride: Cells a feature; the last one is for the unknown.
        middle: Of each feature's knots, shape (features, 1).
        spread: Half their interquartile range, shape (features, 1).
        half: Buckets on either side of the middle; a power of two, so that the middle itself is exact.
        first: Index among all `knots` of the first that is not in a lower bucket, for every bucket.
        steps: The steps of the search within a bucket, each with the features that need it.

    Where a place among all knots is meant, four bytes hold it: half the memory to walk through.
    """

    knots: FloatArray
    stride: int
    middle: FloatArray
    spread: FloatArray
    half: int
    first: Places
    steps: tuple[tuple[np.int32, slice | IntArray], ...]

    @classmethod
    def of(cls, knots: FloatArray) -> Cells:
        """Tables of three to six buckets a knot.

        Args:
            knots: Strictly increasing, padded with +inf, shape (features, knots); a feature may be padding
                alone.
        """
        features, most = knots.shape
        held = np.isfinite(knots)
        sizes = held.sum(axis=1)
        middle, spread = _middle_and_spread(np.where(held, knots, 0.0), sizes)
        half = 1 << (3 * most // 2).bit_length()
        buckets = 2 * half + 1
        codes = _buckets(knots, middle, spread, half)[held]
        loads = np.bincount(codes, minlength=features * buckets).reshape(features, buckets)
        crowds = loads.max(axis=1, initial=0)
        powers = [1 << power for power in reversed(range(int(crowds.max(initial=0)).bit_length()))]
        stride = most + max(powers, default=0) + 2  # no step leads out of the feature or to the unknown
        table = np.full((features, stride), np.inf)
        table[:, :most] = knots
        first = np.cumsum(loads, axis=1) - loads + stride * np.arange(features)[:, None]
        return cls(
            table.ravel(),
            stride,
            middle,
            spread,
            half,
            first.ravel().astype(np.int32),
            tuple((np.int32(step), _where(crowds >= step)) for step in powers),
        )

    def of_values(self, values: FloatArray) -> Places:
        """The cell of every value, counted on over all features.

        Args:
            values: Shape (features, values); NaN goes into the feature's last cell.

        Returns:
            Feature * `stride` + cell, shape (features, values).
        """
        unknown = np.isnan(values)
        some = bool(unknown.any())
        known = np.where(unknown, 0.0, values) if some else values
        cell = self.first.take(_buckets(known, self.middle, self.spread, self.half))
        for step, rows in self.steps:
            cell[rows] += step * (self.knots[step - 1 :].take(cell[rows]) < known[rows])
        if some:
            np.copyto(cell, self.stride * np.arange(1, len(cell) + 1)[:, None] - 1, where=unknown)
        return cell

    def counts(self, values: FloatArray) -> IntArray:
        """How many values lie in each cell, the unknown in the last, shape (features, `stride`)."""
        features = values.shape[0]
        size = features * self.stride
        return np.bincount(self.of_values(values).ravel(), minlength=size).reshape(features, self.stride)


def _buckets(values: FloatArray, middle: FloatArray, spread: FloatArray, half: int) -> IntArray:
    """The bucket of every value, counted on over all features; each step is monotone also when rounded."""
    with np.errstate(over="ignore"):
        distance = values - middle
        place = np.abs(distance)
        place += spread
    np.divide(half * spread, place, out=place)
    np.subtract(half, place, out=place)
    np.copysign(place, distance, out=place)
    place += half + (2 * half + 1) * np.arange(values.shape[0])[:, None]
    return place.astype(np.int64)


def _middle_and_spread(knots: FloatArray, sizes: IntArray) -> tuple[FloatArray, FloatArray]:
    if knots.shape[1] == 0:
        return np.zeros((sizes.size, 1)), np.ones((sizes.size, 1))
    low, middle, high = (
        np.take_along_axis(knots, (part * sizes // 4)[:, None], axis=1) for part in (1, 2, 3)
    )
    spread = np.minimum(high / 2 - low / 2, WIDEST)
    return middle, np.where(spread > 0, spread, 1.0)


def _where(rows: BoolArray) -> slice | IntArray:
    """All of them as a slice, which copies nothing."""
    return slice(None) if rows.all() else rows.nonzero()[0]
