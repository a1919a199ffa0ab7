"""The sample history as the forecaster sees it."""

from __future__ import annotations

from functools import cache

import numpy as np

from forecaster.features import LONGEST_LOOKBACK
from forecaster.window import Window, make_window
from market.panel import FIELDS, FloatArray, Panel
from market.price_file import read_prices
from market.sample import BENCHMARK, SAMPLE_PATH, STOCKS


@cache
def history() -> Panel:
    panel = read_prices(SAMPLE_PATH)
    for field in FIELDS:
        getattr(panel, field).flags.writeable = False
    return panel


def window_at(row: int, panel: Panel | None = None, *, sessions: int = LONGEST_LOOKBACK) -> Window:
    """The window whose newest session is `row`."""
    panel = panel or history()
    return make_window(panel.rows(max(0, row + 1 - sessions), row + 1), STOCKS, BENCHMARK)


def changed(panel: Panel, **fields: FloatArray) -> Panel:
    """The panel with some of its fields exchanged."""
    return Panel(panel.sessions, panel.tickers, *(fields.get(name, getattr(panel, name)) for name in FIELDS))


def copies(panel: Panel) -> dict[str, FloatArray]:
    """Writable copies of every field."""
    return {field: np.array(getattr(panel, field)) for field in FIELDS}
