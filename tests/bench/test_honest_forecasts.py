from __future__ import annotations

from pathlib import Path

import pytest

from bench import forecaster
from bench.finding import Outcome
from bench.simulations import honest_forecasts


def test_the_loop_and_the_arrays_forecast_the_same() -> None:
    for row in forecaster.rows():
        assert row.gap is not None
        assert row.gap <= 1e-9


def test_the_section_meets_its_goals_in_small(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (shared_data / "daily" / "us_stocks_daily.parquet").is_file()
    monkeypatch.setattr(honest_forecasts, "SEEDS", 1)
    monkeypatch.setattr(honest_forecasts, "EDGES", (0.0,))
    found = {one.what: one for one in honest_forecasts.findings(420)}
    assert found["edge"].measured == "no edge detected"
    for what in ("log-loss skill", "pooled ECE, debiased", "contributions miss the log-odds by"):
        assert found[what].outcome is Outcome.MET
