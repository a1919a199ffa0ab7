from __future__ import annotations

import doctest
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from forecaster.calibration import (
    CalibrationError,
    Calibrator,
    Method,
    NotFittedError,
    Sample,
    calibrator,
    make_sample,
)
from forecaster.calibration.beta import BetaMap, fit_beta
from forecaster.calibration.isotonic import fit_isotonic
from forecaster.calibration.platt import AS_STATED, PlattMap, fit_platt
from forecaster.calibration.pooling import repeats, spread
from forecaster.calibration.venn_abers import VennAbersMap, fit_venn_abers
from market.panel import FloatArray

NAN = float("nan")
GRID = np.linspace(0.0, 1.0, 201)
NO_PRIOR = 1e5  # a standard deviation so wide that the prior weighs nothing

SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.9, 1.0]) | st.floats(0, 1),
        st.booleans(),
        st.sampled_from(["", "calm", "wild"]),
        st.sampled_from(["", "Energy", "Utilities"]),
        st.floats(0.2, 3.0),
    ),
    min_size=2,
    max_size=40,
).map(
    lambda rows: make_sample(
        [row[0] for row in rows],
        [float(row[1]) for row in rows],
        regimes=[row[2] for row in rows],
        sectors=[row[3] for row in rows],
        weight=[row[4] for row in rows],
    )
)


def drawn(seed: int, n: int, shift: float = 0.2, slope: float = 0.5, digits: int = 2) -> Sample:
    rng = np.random.default_rng(seed)
    p = np.clip(np.round(rng.beta(5, 5, n), digits), 0.01, 0.99)
    return make_sample(p, (rng.random(n) < expit(shift + slope * logit(p))).astype(float))


class TestSample:
    def test_pairs_with_an_unknown_half_are_left_out_with_all_that_belongs_to_them(self) -> None:
        sample = make_sample(
            [0.1, NAN, 0.3, 0.4],
            [1.0, 0.0, NAN, 0.0],
            session=[5, 6, 7, 8],
            regimes=["a", "b", "c", "d"],
            weight=[1, 2, 3, 4],
        )
        assert sample.probability.tolist() == [0.1, 0.4]
        assert sample.outcome.tolist() == [1.0, 0.0]
        assert sample.session.tolist() == [5, 8]
        assert (sample.regimes, sample.sectors) == (("a", "d"), ())
        assert sample.weight.tolist() == [1.0, 4.0]

    @pytest.mark.parametrize(
        ("probability", "outcome", "more", "message"),
        [
            ([0.5, 1.2, -1.0], [1, 0, 0], {}, r"probability of row 1 is 1.2 \(1 more like it\)"),
            ([math.inf], [1], {}, "probability of row 0 is inf"),
            ([0.5], [0.5], {}, "outcome of row 0 is 0.5"),
            ([0.5], [1, 0], {}, "one length"),
            ([[0.5]], [[1]], {}, "one length"),
            ([0.5], [1], {"weight": [0.0]}, "weight of row 0 is 0"),
            ([0.5], [1], {"weight": [1.0, 1.0]}, "weight has 2 values for 1 forecasts"),
            ([0.5], [1], {"session": [1, 2]}, "session has 2 values"),
            ([0.5, 0.5], [1, 0], {"regimes": ["calm"]}, "regimes has 1 labels for 2 forecasts"),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name_and_row(
        self,
        probability: list[float],
        outcome: list[float],
        more: dict[str, list[float]],
        message: str,
    ) -> None:
        with pytest.raises(CalibrationError, match=message):
            make_sample(probability, outcome, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", list(Method))
class TestEveryMap:
    @settings(max_examples=40, deadline=None)
    @given(sample=SAMPLES)
    def test_order_is_kept_and_every_reading_is_a_probability(self, method: Method, sample: Sample) -> None:
        try:
            fitted = Calibrator(method).fit(sample)
        except CalibrationError:
            assert method is Method.ISOTONIC
            assert sample.outcome.min(initial=1.0) == sample.outcome.max(initial=0.0)
            return
        for regime, sector in (("", ""), ("calm", ""), ("wild", "Energy"), ("new", "new")):
            n = GRID.size
            read = fitted.calibrate(GRID, (regime,) * n, (sector,) * n)
            assert (np.diff(read) >= -1e-12).all()
            assert ((read > 0) & (read < 1)).all()
        again = Calibrator.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
        assert again == fitted

    def test_an_unknown_probability_stays_unknown(self, method: Method) -> None:
        read = Calibrator(method).fit(drawn(1, 100)).calibrate(np.array([0.4, NAN, 0.6]))
        assert np.isnan(read).tolist() == [False, True, False]

    def test_a_reading_of_what_is_no_probability_is_refused(self, method: Method) -> None:
        with pytest.raises(CalibrationError, match=r"probability of row 1 is 1\.5"):
            Calibrator(method).fit(drawn(1, 100)).calibrate(np.array([0.4, 1.5]))

    def test_equal_probabilities_everywhere_read_as_about_the_base_rate(self, method: Method) -> None:
        sample = make_sample(np.full(400, 0.6), np.repeat([1.0, 0.0], [180, 220]))
        assert Calibrator(method).fit(sample).calibrate(np.array([0.6]))[0] == pytest.approx(0.45, abs=0.005)

    def test_a_bold_forecaster_is_toned_down(self, method: Method) -> None:
        fitted = Calibrator(method).fit(drawn(2, 4_000, shift=0.0, slope=0.4))
        low, high = fitted.calibrate(np.array([0.3, 0.7])).tolist()
        assert low == pytest.approx(float(expit(0.4 * logit(0.3))), abs=0.04)
        assert high == pytest.approx(float(expit(0.4 * logit(0.7))), abs=0.04)

    def test_what_is_judged_is_what_was_read(self, method: Method) -> None:
        fit, test = drawn(3, 3_000), drawn(4, 3_000)
        fitted = Calibrator(method).fit(fit)
        found = fitted.evaluate(test)
        assert found.brier == pytest.approx(
            float(((fitted.calibrate(test.probability) - test.outcome) ** 2).mean())
        )
        assert found.log_loss_skill > 0

    def test_before_a_fit_there_is_no_reading(self, method: Method) -> None:
        with pytest.raises(NotFittedError, match=f"{method.value} calibrator has no map yet"):
            Calibrator(method).calibrate(GRID)

    def test_three_rows_are_enough_for_a_careful_map(self, method: Method) -> None:
        read = Calibrator(method).fit(make_sample([0.4, 0.5, 0.6], [0, 1, 1])).calibrate(GRID)
        assert 0 < read.min() < read.max() < 1


class TestPlatt:
    def test_without_a_prior_the_pooled_line_is_scikit_learns(self) -> None:
        sample = drawn(5, 800)
        twin = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1_000)
        twin.fit(logit(sample.probability)[:, None], sample.outcome)
        line = fit_platt(sample, pooled_sd=NO_PRIOR).pooled
        assert_allclose(line, [twin.intercept_[0], twin.coef_[0, 0]], atol=1e-7)

    def test_weights_count_like_repeated_rows_as_in_scikit_learn(self) -> None:
        sample = drawn(6, 300)
        weight = np.random.default_rng(6).integers(1, 4, 300).astype(float)
        weighted = make_sample(sample.probability, sample.outcome, weight=weight)
        repeated = make_sample(
            *(np.repeat(x, weight.astype(int)) for x in (sample.probability, sample.outcome))
        )
        assert_allclose(fit_platt(weighted).pooled, fit_platt(repeated).pooled, atol=1e-10)
        twin = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1_000)
        twin.fit(logit(sample.probability)[:, None], sample.outcome, sample_weight=weight)
        line = fit_platt(weighted, pooled_sd=NO_PRIOR).pooled
        assert_allclose(line, [twin.intercept_[0], twin.coef_[0, 0]], atol=1e-7)

    def test_each_level_is_the_most_probable_line_given_the_one_above(self) -> None:
        sample = apart(7, 3_000)
        found = fit_platt(sample)
        assert_allclose(found.pooled, most_probable(sample, np.ones(3_000, bool), (0.0, 1.0), 1.0), atol=1e-5)
        for regime in ("calm", "wild"):
            rows = np.array([one == regime for one in sample.regimes])
            above = most_probable(sample, rows, found.pooled, 0.15)
            assert_allclose(found.regimes[regime], above, atol=1e-5)
            for sector in ("Energy", "Utilities"):
                own = rows & np.array([one == sector for one in sample.sectors])
                expected = most_probable(sample, own, found.regimes[regime], 0.15)
                assert_allclose(found.sectors[regime][sector], expected, atol=1e-5)

    def test_groups_that_differ_by_chance_alone_share_one_line(self) -> None:
        shares = []
        for seed in range(40):
            rng, sample = np.random.default_rng(seed), drawn(seed, 600)
            regimes = [f"regime {i}" for i in rng.integers(0, 6, 600)]
            lines = fit_platt(make_sample(sample.probability, sample.outcome, regimes=regimes))
            shares.append(len(set(lines.regimes.values())) == 1)
            gaps = np.abs(np.array(list(lines.regimes.values())) - lines.pooled)
            assert gaps.max() < 0.3
        assert np.mean(shares) > 0.4

    def test_the_spread_of_groups_is_measured(self) -> None:
        rng = np.random.default_rng(21)
        found = []
        for truth in (0.0, 0.1, 0.3):
            line = rng.normal(0.0, truth, 60)[group := rng.integers(0, 60, 60_000)]
            design = np.ones((60_000, 1))
            outcome = (rng.random(60_000) < expit(line)).astype(float)
            found.append(spread(design, outcome, np.ones(60_000), group, np.zeros((60, 1))))
        assert found == pytest.approx([0.0, 0.1, 0.3], abs=0.05)

    def test_outcomes_that_are_copies_count_once(self) -> None:
        rng = np.random.default_rng(22)
        one = (rng.random(500) < 0.5).astype(float)
        design, session = np.ones((2_500, 1)), np.repeat(np.arange(500), 5)
        everything, prior = np.zeros(2_500, np.int64), np.zeros((1, 1))
        assert repeats(design, np.repeat(one, 5), everything, session, prior) == pytest.approx(5.0)
        assert repeats(design, np.repeat(one, 5), everything, np.arange(2_500), prior) == 1.0
        apart_ = (rng.random(2_500) < 0.5).astype(float)
        assert repeats(design, apart_, everything, session, prior) < 1.3
        copied = make_sample(np.full(2_500, 0.5), np.repeat(one, 5), session=session)
        single = make_sample(np.full(500, 0.5), one)
        assert_allclose(fit_platt(copied).pooled, fit_platt(single).pooled, atol=1e-9)

    def test_what_the_fit_has_not_seen_is_read_by_the_line_above(self) -> None:
        found = PlattMap(
            (0.1, 1.0), {"calm": (0.2, 1.0)}, {"calm": {"Energy": (0.3, 1.0)}, "": {"Oil": (0.4, 1.0)}}
        )
        assert found.line() == found.line("new") == found.line("new", "Energy") == (0.1, 1.0)
        assert found.line("calm") == found.line("calm", "new") == (0.2, 1.0)
        assert found.line("calm", "Energy") == (0.3, 1.0)
        assert found.line("", "Oil") == (0.4, 1.0)
        read = found.calibrate(np.full(2, 0.5), ("calm", ""), ("Energy", "Oil"))
        assert_allclose(read, expit([0.3, 0.4]))

    def test_regimes_that_differ_are_told_apart_and_pulled_together(self) -> None:
        p = np.full(400, 0.5)
        outcome = np.concatenate([np.repeat([1.0, 0.0], [140, 60]), np.repeat([1.0, 0.0], [60, 140])])
        found = fit_platt(make_sample(p, outcome, regimes=["up"] * 200 + ["down"] * 200))
        up, down = (float(found.calibrate(np.array([0.5]), (name,))[0]) for name in ("up", "down"))
        assert 0.3 < down < 0.45
        assert 0.55 < up < 0.7

    def test_a_label_that_is_unknown_everywhere_changes_nothing(self) -> None:
        sample = drawn(8, 200)
        blank = make_sample(sample.probability, sample.outcome, regimes=[""] * 200, sectors=[""] * 200)
        assert fit_platt(blank) == fit_platt(sample)

    def test_no_rows_leave_the_map_as_it_was(self) -> None:
        before = PlattMap((0.1, 0.9), {"calm": (0.2, 1.0)}, {"calm": {"Energy": (0.3, 1.0)}})
        assert fit_platt(make_sample([], [])) == AS_STATED
        assert fit_platt(make_sample([], []), before=before) == before

    def test_lines_without_rows_move_along_with_the_one_above(self) -> None:
        before = PlattMap((0.0, 1.0), {"calm": (0.2, 1.0)}, {"calm": {"Energy": (0.3, 1.0)}})
        found = fit_platt(drawn(9, 500, shift=0.6, slope=1.0), before=before)
        shift = np.array(found.pooled) - before.pooled
        assert shift[0] > 0.3
        assert_allclose(found.regimes["calm"], np.array((0.2, 1.0)) + shift)
        assert_allclose(found.sectors["calm"]["Energy"], np.array((0.3, 1.0)) + shift)

    def test_forecasts_that_are_upside_down_lose_their_slope_and_are_not_turned_round(self) -> None:
        sample = drawn(10, 2_000, shift=0.4, slope=-0.8)
        found = fit_platt(sample, pooled_sd=NO_PRIOR)
        assert found.pooled[1] == 0.0
        assert expit(found.pooled[0]) == pytest.approx(sample.outcome.mean(), abs=1e-9)

    def test_outcomes_of_one_class_move_the_map_as_far_as_the_prior_lets_them(self) -> None:
        (one,) = fit_platt(make_sample([0.5], [1.0])).calibrate(np.array([0.5]))
        (many,) = fit_platt(make_sample([0.5] * 500, [1.0] * 500)).calibrate(np.array([0.5]))
        assert 0.5 < one < 0.65
        assert 0.95 < many < 1.0


class TestIsotonic:
    def test_it_is_scikit_learns_within_what_n_outcomes_support(self) -> None:
        sample = drawn(11, 800)
        found = fit_isotonic(sample)
        x = np.array(found.stated)
        twin = IsotonicRegression(out_of_bounds="clip", y_min=1 / 802, y_max=1 - 1 / 802)
        twin.fit(sample.probability, sample.outcome)
        between = np.linspace(x[0] - 0.01, x[-1] + 0.01, 500)
        assert_allclose(found.calibrate(x), twin.predict(x), atol=1e-12)
        inside = (twin.predict(between) > 0.02) & (twin.predict(between) < 0.98)
        assert inside.sum() > 300
        assert_allclose(found.calibrate(between)[inside], twin.predict(between)[inside], atol=2e-3)

    @pytest.mark.parametrize("outcome", [0.0, 1.0])
    def test_outcomes_of_one_class_cannot_be_fitted(self, outcome: float) -> None:
        with pytest.raises(CalibrationError, match=r"outcomes of both classes, . of 3 came true"):
            fit_isotonic(make_sample([0.3, 0.5, 0.7], [outcome] * 3))

    def test_without_any_outcome_there_is_nothing_to_fit(self) -> None:
        with pytest.raises(CalibrationError, match="0 of 0"):
            fit_isotonic(make_sample([], []))


class TestBeta:
    def test_without_a_prior_it_is_scikit_learns_regression_on_both_logarithms(self) -> None:
        sample = drawn(12, 1_500)
        p = sample.probability
        twin = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000)
        twin.fit(np.column_stack([np.log(p), -np.log1p(-p)]), sample.outcome)
        found = fit_beta(sample, prior_sd=NO_PRIOR)
        assert_allclose([found.c, found.a, found.b], [*twin.intercept_, *twin.coef_[0]], atol=1e-6)

    def test_one_at_a_time_is_the_identity(self) -> None:
        inner = GRID[1:-1]
        assert_allclose(BetaMap(0.0, 1.0, 1.0).calibrate(inner), inner, atol=1e-12)

    @pytest.mark.parametrize("slope", [-0.8, 0.1])
    def test_the_best_map_that_keeps_order_is_found(self, slope: float) -> None:
        sample = drawn(13, 600, slope=slope)
        found = fit_beta(sample)
        p, y = sample.probability, sample.outcome
        design = np.column_stack([np.ones_like(p), np.log(p), -np.log1p(-p)])

        def loss(theta: FloatArray) -> float:
            stated = design @ theta
            told = np.logaddexp(0.0, stated) - y * stated
            return float(told.sum() + 0.5 * ((theta - [0.0, 1.0, 1.0]) ** 2).sum())

        bounds = [(None, None), (0.0, None), (0.0, None)]
        best = minimize(loss, [0.0, 1.0, 1.0], bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14})
        assert loss(np.array([found.c, found.a, found.b])) == pytest.approx(best.fun, abs=1e-5)
        assert min(found.a, found.b) >= 0


class TestVennAbers:
    @settings(max_examples=20, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=25),
        st.lists(st.integers(0, 1_000).map(lambda i: i / 1_000), min_size=1, max_size=4),
    )
    def test_both_probabilities_are_those_of_the_definition(
        self, rows: list[tuple[int, bool]], asked: list[float]
    ) -> None:
        p, y = np.array([row[0] / 8 for row in rows]), np.array([float(row[1]) for row in rows])
        asked_ = np.array([*asked, *p[:3]])
        low, high = fit_venn_abers(make_sample(p, y)).pair(asked_)
        assert_allclose(low, by_definition(p, y, asked_, 0.0), atol=1e-12)
        assert_allclose(high, by_definition(p, y, asked_, 1.0), atol=1e-12)

    def test_a_sample_of_many_distinct_probabilities_agrees_too(self) -> None:
        rng = np.random.default_rng(14)
        p = rng.random(300)
        y = (rng.random(300) < p).astype(float)
        asked = rng.random(40)
        low, high = fit_venn_abers(make_sample(p, y)).pair(asked)
        assert_allclose(low, by_definition(p, y, asked, 0.0), atol=1e-12)
        assert_allclose(high, by_definition(p, y, asked, 1.0), atol=1e-12)

    def test_more_outcomes_make_it_narrower(self) -> None:
        widths = [float(fit_venn_abers(drawn(15, n)).width(GRID[60:140]).mean()) for n in (50, 500, 5_000)]
        assert widths == sorted(widths, reverse=True)
        assert widths[0] > 0.05
        assert widths[-1] < 0.02

    def test_without_a_sample_nothing_is_known(self) -> None:
        empty = VennAbersMap((), (), ())
        assert_array_equal(empty.pair(np.array([0.3])), [[0.0], [1.0]])
        assert empty.calibrate(np.array([0.3]))[0] == 0.5
        assert fit_venn_abers(make_sample([], [])) == empty


def test_the_example_in_the_docstring_runs() -> None:
    assert doctest.testmod(calibrator) == doctest.TestResults(0, 7)


def by_definition(p: FloatArray, y: FloatArray, asked: FloatArray, label: float) -> list[float]:
    """The isotonic fit of the sample and one more, at the one more."""
    return [
        float(IsotonicRegression().fit(np.append(p, one), np.append(y, label)).predict([one])[0])
        for one in asked
    ]


def apart(seed: int, n: int) -> Sample:
    """Regimes and sectors that differ by more than the prior allows for; some regimes are unknown."""
    rng = np.random.default_rng(seed)
    p = np.clip(rng.beta(5, 5, n), 0.01, 0.99)
    regime, sector = rng.integers(0, 3, n), rng.integers(0, 2, n)
    line = np.array([0.7, -0.7, 0.0])[regime] + np.array([0.5, -0.5])[sector] + logit(p)
    return make_sample(
        p,
        (rng.random(n) < expit(line)).astype(float),
        regimes=[("calm", "wild", "")[i] for i in regime],
        sectors=[("Energy", "Utilities")[i] for i in sector],
    )


def most_probable(sample: Sample, rows: np.ndarray, prior: tuple[float, float], sd: float) -> FloatArray:
    x, y = logit(sample.probability[rows]), sample.outcome[rows]

    def loss(line: FloatArray) -> float:
        stated = line[0] + line[1] * x
        told = np.logaddexp(0.0, stated) - y * stated
        return float(told.sum() + ((line - prior) ** 2).sum() / (2 * sd**2))

    best = minimize(loss, prior, method="BFGS", options={"gtol": 1e-8})
    return np.asarray(best.x, np.float64)
