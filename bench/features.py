"""One session's features: a window reduced by numpy, against pandas rolling whose last row is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.timing import Row, compare
from forecaster.features import FEATURES, feature_matrix
from forecaster.window import make_window
from market.price_file import read_prices
from market.sample import BENCHMARK, SAMPLE_PATH, STOCKS


def rows() -> list[Row]:
    """Measure."""
    panel = read_prices(SAMPLE_PATH).rows(1000, 1300)
    window = make_window(panel, STOCKS, BENCHMARK)
    frames = {ticker: pd.Series(window.close[i]) for i, ticker in enumerate(STOCKS)}

    def pandas_volatility() -> list[float]:
        logs = (close.apply(np.log) for close in frames.values())
        return [float(log.diff().rolling(21).std().iloc[-1]) for log in logs]

    return [
        compare(
            f"all {len(FEATURES)} features of 6 tickers, newest session",
            lambda: feature_matrix(window),
            f"pandas rolling, one of the {len(FEATURES)}",
            pandas_volatility,
        )
    ]
