"""Ranks: where a ticker stands in its universe, so that features are comparable across years."""

from __future__ import annotations

import numpy as np

from market.panel import FloatArray


def centred_ranks(features: FloatArray) -> FloatArray:
    """Rank each feature within each session.

    Args:
        features: Shape (..., tickers, features); NaN where unknown.

    Returns:
        The same shape, from -0.5 (lowest) to 0.5 (highest), ties sharing their mean rank; NaN stays NaN. A
        single known value ranks 0. A session's ranks do not depend on which other sessions are given.
    """
    values = np.ascontiguousarray(np.swapaxes(features, -1, -2))
    tickers = values.shape[-1]
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    places = np.arange(tickers)
    changes = np.ones(values.shape, np.bool_)
    changes[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    first = np.maximum.accumulate(np.where(changes, places, 0), axis=-1)
    ends = np.ones(values.shape, np.bool_)
    ends[..., :-1] = changes[..., 1:]
    last = np.minimum.accumulate(np.where(ends, places, tickers)[..., ::-1], axis=-1)[..., ::-1]
    known = (~np.isnan(values)).sum(axis=-1, keepdims=True)
    placed = 0.5 * (first + last) / np.maximum(known - 1.0, 1.0) - np.where(known > 1, 0.5, 0.0)
    placed[np.isnan(ordered)] = np.nan
    out = np.empty(values.shape)
    np.put_along_axis(out, order, placed, axis=-1)
    return np.swapaxes(out, -1, -2)
