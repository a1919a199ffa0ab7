"""The chain: new bars expressed in the units of the bars already kept.

A provider restates its whole history at every split and dividend. Kept bars stay as they were; a new bar is
scaled by what the provider now says of the last kept session, so that returns across the seam are exact and
no restatement shows up as a move of the market.
"""

from __future__ import annotations

import numpy as np

from market.panel import FIELDS, FloatArray

CLOSE, ADJ_CLOSE, VOLUME = FIELDS.index("close"), FIELDS.index("adj_close"), FIELDS.index("volume")
PRICES = tuple(FIELDS.index(name) for name in ("open", "high", "low", "close"))


def link(kept: FloatArray, restated: FloatArray, new: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scale a new session's bars to the kept ones.

    Args:
        kept: The last kept session, shape (fields, tickers).
        restated: The same session as the provider tells it now, same shape.
        new: The session to add, same shape.

    Returns:
        The scaled session, and kept close over restated close, shape (tickers,): 1 where nothing was
        restated, NaN where a ticker has no bar in the last kept session: its new bar is taken as it comes.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        price = kept[CLOSE] / restated[CLOSE]
        adjusted = kept[ADJ_CLOSE] / restated[ADJ_CLOSE]
    price[np.isinf(price)] = np.nan
    by_price = np.where(np.isfinite(price), price, 1.0)
    by_adjusted = np.where(np.isfinite(adjusted), adjusted, by_price)
    out = new.copy()
    out[list(PRICES)] *= by_price
    out[ADJ_CLOSE] *= by_adjusted
    out[VOLUME] /= by_price
    return out, price
