from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.metrics import brier_score_loss, log_loss

from forecaster.calibration import Calibrator, Evaluation, Sample, evaluate, make_sample, plot
from monitors.ece import ece

pytestmark = pytest.mark.no_cover  # it repeats what other tests count


def together(seed: int, sessions: int, tickers: int, shock: float) -> Sample:
    """Calibrated forecasts whose outcomes share a shock within each session."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.35, 0.65, (sessions, tickers))
    moved = math.sqrt(shock) * rng.standard_normal((sessions, 1))
    moved = moved + math.sqrt(1 - shock) * rng.standard_normal((sessions, tickers))
    session = np.repeat(np.arange(sessions), tickers)
    return make_sample(p.ravel(), (moved < ndtri(p)).astype(float).ravel(), session=session)


def test_scores_are_scikit_learns_and_the_error_is_the_houses() -> None:
    sample = together(1, 60, 10, 0.0)
    found = evaluate(sample)
    p, y = sample.probability, sample.outcome
    assert found.brier == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert found.log_loss == pytest.approx(log_loss(y, p), abs=1e-12)
    assert found.ece == pytest.approx(ece(p, y), abs=1e-12)
    rate = y.mean()
    assert found.base_rate == rate
    assert found.brier_skill == pytest.approx(1 - found.brier / (rate * (1 - rate)))
    assert found.log_loss_skill == pytest.approx(1 - found.log_loss / log_loss(y, np.full(y.size, rate)))
    assert evaluate(sample, climatology=0.5).brier_skill == pytest.approx(1 - found.brier / 0.25)


def test_the_table_holds_every_forecast_once() -> None:
    sample = together(2, 50, 7, 0.2)
    found = evaluate(sample)
    assert sum(one.n for one in found.bins) == found.n == 350
    assert sum(one.n * one.observed for one in found.bins) == pytest.approx(sample.outcome.sum())
    assert [one.stated for one in found.bins] == sorted(one.stated for one in found.bins)
    assert all(one.low <= one.stated <= one.high for one in found.bins)


@pytest.mark.parametrize("shock", [0.0, 0.4])
def test_the_band_holds_95_of_100_calibrated_forecasters_though_outcomes_move_together(shock: float) -> None:
    found = [evaluate(together(seed, 100, 20, shock)) for seed in range(60)]
    inside = np.mean([one.consistent for each in found for one in each.bins])
    assert 0.91 <= inside <= 0.985
    assert np.mean([each.ece_p <= 0.05 for each in found]) <= 0.14
    naive = [evaluate(make_sample(one.probability, one.outcome)) for one in _samples(shock)]
    too_narrow = np.mean([one.consistent for each in naive for one in each.bins])
    assert (too_narrow < 0.9) == (shock > 0)


def _samples(shock: float) -> list[Sample]:
    return [together(seed, 100, 20, shock) for seed in range(30)]


def test_outcomes_that_move_together_are_worth_fewer() -> None:
    apart, shared = evaluate(together(3, 200, 30, 0.0)), evaluate(together(3, 200, 30, 0.6))
    assert shared.effective < 0.6 * apart.effective
    assert 0.8 * 6_000 < apart.effective <= 6_000
    assert shared.by_session


def test_they_are_worth_what_their_mean_is_known_as_well_as() -> None:
    """Against what the mean of 400 other such samples is known by."""
    missed = [float((one.outcome - one.probability).mean()) for one in _many(400)]
    worth = 0.24 / float(np.var(missed))  # forecasts from 0.35 to 0.65: p (1 - p) is about 0.24
    found = [evaluate(one).effective for one in _many(20)]
    assert np.mean(found) == pytest.approx(worth, rel=0.3)


def test_a_shock_shared_by_all_forecasts_at_the_base_rate_is_seen_though_each_rate_has_a_bin_of_its_own() -> (
    None
):
    """As with refits, each of which states another base rate for some sessions."""
    rng = np.random.default_rng(11)
    rises = np.repeat(rng.random(10) < 0.5, 10)  # ten sessions at a time
    outcome = (rng.random((100, 50)) < np.where(rises, 0.8, 0.2)[:, None]).astype(float)
    stated = np.repeat(np.linspace(0.49, 0.51, 10), 500)
    found = evaluate(make_sample(stated, outcome.ravel(), session=np.repeat(np.arange(100), 50)), horizon=10)
    assert found.by_session
    assert found.effective < 100


def test_few_sessions_do_not_tell_what_outcomes_are_worth_and_say_so() -> None:
    found = evaluate(together(4, 10, 40, 0.0))
    assert (found.sessions, found.by_session) == (10, False)
    assert math.isnan(found.effective)
    assert not evaluate(together(4, 30, 10, 0.0), horizon=10).by_session


def _many(n: int) -> list[Sample]:
    return [together(1_000 + seed, 100, 50, 0.36) for seed in range(n)]


def test_a_bias_of_eight_points_is_seen_and_measured() -> None:
    sample = together(5, 300, 20, 0.1)
    found = evaluate(sample.restated(sample.probability + 0.08))
    assert found.ece_debiased == pytest.approx(0.08, abs=0.02)
    assert found.ece_upper > 0.07
    assert found.ece_p < 0.01
    assert not all(one.consistent for one in found.bins)


def test_the_bound_holds_the_true_error_in_95_of_100_samples() -> None:
    for bias in (0.0, 0.05):
        held = 0
        for seed in range(60):
            sample = together(100 + seed, 80, 15, 0.2)
            held += evaluate(sample.restated(sample.probability + bias)).ece_upper >= bias
        assert held >= 53


def test_an_empty_sample_is_worth_nothing() -> None:
    found = evaluate(make_sample([], []))
    assert (found.n, found.sessions, found.bins) == (0, 0, ())
    assert all(math.isnan(value) for value in (found.ece, found.brier, found.log_loss_skill, found.base_rate))


def test_a_single_forecast_has_one_bin() -> None:
    found = evaluate(make_sample([0.7], [1.0]))
    assert len(found.bins) == 1
    assert found.ece == pytest.approx(0.3)
    assert math.isnan(found.brier_skill)


def test_equal_samples_are_judged_equally() -> None:
    assert evaluate(together(6, 40, 5, 0.3)) == evaluate(together(6, 40, 5, 0.3))


@pytest.mark.parametrize(
    "found",
    [
        evaluate(together(7, 60, 20, 0.2)),
        evaluate(make_sample([0.5], [1.0])),
        evaluate(make_sample([], [])),
    ],
    ids=["many", "one", "none"],
)
def test_the_diagram_is_a_picture(found: Evaluation) -> None:
    png = plot(found)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (832, 832)


def test_a_calibrator_draws_what_it_read() -> None:
    sample = together(8, 60, 20, 0.2)
    fitted = Calibrator().fit(sample)
    read = sample.restated(fitted.calibrate(sample.probability))
    assert fitted.plot(sample) == plot(evaluate(read), "Calibration, platt map")
