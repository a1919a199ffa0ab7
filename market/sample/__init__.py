"""The sample set: ten years of real daily prices that ship with the project (see NOTICE.md)."""

from __future__ import annotations

from pathlib import Path

SAMPLE_PATH = Path(__file__).with_name("us_daily.parquet")
"""The price file, readable with `market.price_file.read_prices`."""

STOCKS = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA")
"""What can be traded in the sample. GOOG starts on 2004-08-19, the others on 2003-01-02."""

BENCHMARK = "^GSPC"
"""The S&P 500 index. A price index: its adj_close holds no dividends."""

INDEXES = (BENCHMARK, "^IXIC")
"""What cannot be traded: the S&P 500 and the Nasdaq Composite."""
