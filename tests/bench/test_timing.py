from __future__ import annotations

import numpy as np
import pytest

from bench.timing import MOST_TRIES, ROUNDS, DisagreementError, Row, Times, compare
from bench.twins import numpy_psi, prepared_numpy_psi, prepared_scipy_psi, quantile_edges
from monitors.drift import prepare_reference
from monitors.stack import prepared_psi


def test_two_ways_that_disagree_are_not_compared() -> None:
    with pytest.raises(DisagreementError, match=r"sums: differs from numpy by 0\.5, more than 1e-12"):
        compare("sums", lambda: 1.5, "numpy", lambda: 1.0, within=1e-12)
    with pytest.raises(DisagreementError, match="2"):
        compare("sums", lambda: [1.0, 2.0], "numpy", lambda: 1.0, within=1e-12)
    with pytest.raises(DisagreementError, match="nan"):
        compare("sums", lambda: np.nan, "numpy", lambda: 1.0, within=1e-12)


def test_both_ways_take_turns_and_the_shorter_gets_more_tries() -> None:
    done: list[str] = []

    def named(name: str, work: int) -> float:
        done.append(name)
        return float(np.zeros(work).sum())

    row = compare("x", lambda: named("ours", 1), "twin", lambda: named("twin", 1_000_000), within=0.0)
    turns = ["".join(group) for group in "".join(name[0] for name in done).replace("ot", "o t").split()]
    assert done.count("twin") >= ROUNDS
    assert done.count("ours") > done.count("twin")
    assert max(map(len, turns)) <= 1 + MOST_TRIES  # ours never runs on and on, nor does the twin
    assert row.gap == 0.0
    assert row.ratio > 1


def test_the_ratio_is_of_the_medians_and_a_twin_may_stand_for_many() -> None:
    row = Row("x", Times(1.0, 2.0), "twin", Times(3.0, 8.0).scaled(10))
    assert row.ratio == 40.0
    assert str(row.theirs) == "30.0 / 80.0"


def test_the_twins_agree_with_ours() -> None:
    rng = np.random.default_rng(1)
    old, new = rng.standard_t(3, (4, 5_000)), rng.standard_t(3, (4, 400)) + 0.2
    edges = np.stack([quantile_edges(values) for values in old])
    counts = np.stack([np.histogram(values, places)[0] for values, places in zip(old, edges, strict=True)])
    ours = prepared_psi(new, prepare_reference(old.T[:, None, :], tuple("abcd"), window=400).stack)
    assert numpy_psi(old, new) == pytest.approx(ours, abs=1e-12)
    assert prepared_numpy_psi(edges, counts, new) == pytest.approx(ours, abs=1e-12)
    assert prepared_scipy_psi(edges, counts, new) == pytest.approx(ours, abs=1e-12)
