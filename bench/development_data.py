"""Where recorded data for development lies: beside the checkout, and no part of the project."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "shared" / "data"
PRICES = FOLDER / "daily" / "us_stocks_daily.parquet"
FORECASTS = FOLDER / "forecasts" / "538_games_prob_outcome.csv.gz"
