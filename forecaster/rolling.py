"""Rolling windows over the last axis, summed by doubling.

A window of `n` sessions is put together from windows whose lengths are powers of two: 2 from 1 and 1, 4 from
2 and 2, and so on, the binary digits of `n` joined from the newest on. The same additions happen in the same
order wherever a window lies, so a value is equal to the last bit whether it was computed on a whole history,
on a truncated one or on the `n` newest sessions alone. It takes O(log n) passes of numpy and keeps no state.

Every function takes arrays of shape (..., sessions), oldest first, and returns the same shape. The value at a
session reads that session and the `n - 1` before it. Where there are fewer, or where one of them is NaN, the
result is NaN. Infinite input gives infinite or NaN output. Results have memory of their own, ordered by
session, and input that is ordered so (as `numpy.asfortranarray` does) is read fastest.

Rounding: a sum by doubling is off by at most `2 log2(n) eps` times the sum of the absolute values. Squares
and products are summed about the means of the windows they join (Chan, Golub and LeVeque 1983): a standard
deviation is off by about `2 log2(n) eps` times the mean, where the difference of two sums would be off by the
root of that. Equal values spread by that rounding and no more: hold a spread against the level before
dividing by it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log, log2
from typing import Final

import numpy as np

from market.panel import FloatArray

Join = Callable[[FloatArray, FloatArray, int, int], FloatArray]
"""Joins newer windows with the older ones before them, given the sessions of each.

Windows are described by one or more numbers along the first axis: shape (numbers, windows, ...).
"""

TIE: Final = 1e-9
"""Values that differ by less than this share are equal where they are ranked: it may be mere rounding."""

RESIDUAL: Final = 1e-8
"""An exponential mean forgets what weighs less than this share."""


def lag(x: FloatArray, n: int) -> FloatArray:
    """Return the value of `n` sessions before."""
    sessions = x.shape[-1]
    return _padded(_by_session(x)[: max(0, sessions - n)], sessions)


def change(x: FloatArray, n: int) -> FloatArray:
    """Return the difference to the value of `n` sessions before."""
    return x - lag(x, n)


def window_sum(x: FloatArray, n: int) -> FloatArray:
    """Return the sum of `n` sessions.

    Raises:
        ValueError: `n` is below 1, here and wherever nothing else is said.
    """
    return _doubled(_by_session(x)[None], n, _add)[0]


def window_mean(x: FloatArray, n: int) -> FloatArray:
    """Return the mean of `n` sessions."""
    return window_sum(x, n) / n


def window_moments(x: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean of `n` sessions and the sum of squares about it.

    Raises:
        ValueError: `n` is below 2.
    """
    found = _doubled(_by_session(x)[None], n, _join_squares, 2)
    return found[0] / n, found[1]


def window_covariance(x: FloatArray, y: FloatArray, n: int) -> FloatArray:
    """Return the sum over `n` sessions of the products of both deviations from their means.

    Divide it by `n`, `n - 1`, or by sums of squares of `window_moments`. The arrays broadcast.

    Raises:
        ValueError: `n` is below 2.
    """
    both = np.stack([_by_session(one) for one in np.broadcast_arrays(x, y)])
    return _doubled(both, n, _join_products, 2)[2]


def window_slope(x: FloatArray, n: int) -> FloatArray:
    """Return the least-squares slope of `n` sessions on their number: units of `x` per session.

    Raises:
        ValueError: `n` is below 2.
    """
    return _doubled(_by_session(x)[None], n, _join_slopes, 2)[1] / (n * (n * n - 1) / 12.0)


def window_max(x: FloatArray, n: int) -> FloatArray:
    """Return the greatest value of `n` sessions."""
    return _extreme(x, n, np.maximum)


def window_min(x: FloatArray, n: int) -> FloatArray:
    """Return the least value of `n` sessions."""
    return _extreme(x, n, np.minimum)


def window_rank(x: FloatArray, n: int) -> FloatArray:
    """Return the share of `n` sessions at or below the newest, give or take a billionth, in [1 / n, 1].

    Counting takes `n` passes: there is no doubling, for each session is held against another newest one.
    """
    _checked(n)
    sessions = x.shape[-1]
    by_session = _by_session(x)
    newest = by_session[n - 1 :]
    newest = newest + TIE * np.abs(newest)
    counted = np.ones(newest.shape, dtype=np.min_scalar_type(n))
    below = np.empty(newest.shape, dtype=np.bool_)
    for start in range(n - 1):
        np.less_equal(by_session[start : start + len(newest)], newest, out=below)
        counted += below.view(np.uint8)
    known = window_sum(np.where(np.isnan(x), np.nan, 0.0), n)
    return _padded(counted / n, sessions) + known


def exponential_mean(x: FloatArray, alpha: float) -> FloatArray:
    """Return the mean weighted by powers of `1 - alpha`, over `exponential_length(alpha)` sessions.

    It is the exponential mean that starts anew at every session: what lies further back weighs less than
    1e-8 and is left out, which gives it an exact lookback.

    Args:
        x: Shape (..., sessions).
        alpha: The newest session's weight, in (0, 1): 1 / n for Wilder's mean, 2 / (n + 1) for a span of n.
    """
    keep, n = 1.0 - alpha, exponential_length(alpha)

    def join(newer: FloatArray, older: FloatArray, n_newer: int, _: int) -> FloatArray:
        out = older * keep**n_newer
        out += newer
        return out

    return _doubled(_by_session(x)[None], n, join)[0] * (alpha / (1.0 - keep**n))


def exponential_length(alpha: float) -> int:
    """Return how many sessions an exponential mean reads: a power of two that leaves less than 1e-8 out.

    Raises:
        ValueError: `alpha` is not in (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha}: a weight in (0, 1) is needed")
    return int(2 ** ceil(log2(max(1.0, log(RESIDUAL) / log(1.0 - alpha)))))


def _doubled(x: FloatArray, n: int, join: Join, least: int = 1) -> list[FloatArray]:
    """Join windows of 1, 2, 4... sessions to windows of `n`.

    Of windows of `w` sessions there are `w - 1` fewer than sessions: only whole ones are kept.

    Args:
        x: Shape (numbers, sessions, ...).
        n: Sessions of the windows wanted.
        join: How two windows make one.
        least: Sessions below which the windows mean nothing.

    Returns:
        One array of shape (..., sessions) for each of the numbers.
    """
    _checked(n, least)
    sessions = x.shape[1]
    if n > sessions:
        return [np.full((*x.shape[2:], sessions), np.nan)] * 3
    part, width = x, 1
    whole, covered = x, 0
    while True:
        if n & width:
            if covered:
                whole = join(whole[:, width:], part[:, : part.shape[1] - covered], covered, width)
            else:
                whole = part
            covered += width
        if covered == n:
            return [_padded(one, sessions) for one in whole]
        part = join(part[:, width:], part[:, :-width], width, width)
        width *= 2


def _add(newer: FloatArray, older: FloatArray, _: int, __: int) -> FloatArray:
    return newer + older


def _join_squares(newer: FloatArray, older: FloatArray, n_newer: int, n_older: int) -> FloatArray:
    """(sum, sum of squares about the mean); windows of one session come without squares."""
    out = np.empty((2, *newer.shape[1:]))
    np.add(newer[0], older[0], out=out[0])
    weight = _difference(newer[0], older[0], n_newer, n_older, out[1])
    out[1] *= out[1]
    out[1] *= weight
    _add_last(out[1], newer, older, 2)
    return out


def _join_products(newer: FloatArray, older: FloatArray, n_newer: int, n_older: int) -> FloatArray:
    """(sum of x, sum of y, sum of products about the means)."""
    out = np.empty((3, *newer.shape[1:]))
    weight = _difference(newer[:2], older[:2], n_newer, n_older, out[:2])
    np.multiply(out[0], out[1], out=out[2])
    out[2] *= weight
    np.add(newer[:2], older[:2], out=out[:2])
    _add_last(out[2], newer, older, 3)
    return out


def _join_slopes(newer: FloatArray, older: FloatArray, n_newer: int, n_older: int) -> FloatArray:
    """(sum, sum of products with the session's number about the means)."""
    out = np.empty((2, *newer.shape[1:]))
    np.add(newer[0], older[0], out=out[0])
    _difference(newer[0], older[0], n_newer, n_older, out[1])
    out[1] *= n_newer / 2.0
    _add_last(out[1], newer, older, 2)
    return out


def _difference(newer: FloatArray, older: FloatArray, n_newer: int, n_older: int, out: FloatArray) -> float:
    """Write `n_older` times the difference of both means; return what its square weighs between windows."""
    if n_newer == n_older:
        np.subtract(newer, older, out=out)
        return 1.0 / (2 * n_newer)
    np.multiply(newer, n_older / n_newer, out=out)
    out -= older
    return n_newer / (n_older * (n_newer + n_older))


def _add_last(out: FloatArray, newer: FloatArray, older: FloatArray, numbers: int) -> None:
    """Add what both windows hold within; a window of one session holds nothing yet."""
    for side in (newer, older):
        if len(side) == numbers:
            out += side[-1]


def _extreme(x: FloatArray, n: int, pick: np.ufunc) -> FloatArray:
    """Windows of a power of two, then two of them that overlap: the same value twice does no harm."""
    _checked(n)
    sessions = x.shape[-1]
    if n > sessions:
        return np.full_like(x, np.nan)
    part, width = _by_session(x), 1
    while 2 * width <= n:
        part = pick(part[width:], part[:-width])
        width *= 2
    rest = n - width
    if rest:
        part = pick(part[rest:], part[:-rest])
    return _padded(part, sessions)


def _by_session(x: FloatArray) -> FloatArray:
    """Return the values with the sessions along the first axis, in one stretch of memory."""
    return np.ascontiguousarray(x.transpose(-1, *range(x.ndim - 1)))


def _padded(x: FloatArray, sessions: int) -> FloatArray:
    """Return values by session behind as many NaN as are needed, the sessions along the last axis again."""
    missing = sessions - x.shape[0]
    out = np.empty((sessions, *x.shape[1:]))
    out[:missing] = np.nan
    out[missing:] = x
    return out.transpose(*range(1, out.ndim), 0)


def _checked(n: int, least: int = 1) -> None:
    if n < least:
        raise ValueError(f"window of {n} sessions: at least {least} is needed")
