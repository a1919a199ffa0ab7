from __future__ import annotations

import numpy as np
import pytest

from monitors.shrinkage import pool


def test_groups_that_differ_by_chance_alone_are_drawn_together_all_the_way() -> None:
    found = pool(np.array([0.01, -0.01, 0.0]), np.full(3, 0.05))
    assert found.spread == 0.0
    assert found.shrunk.tolist() == pytest.approx([0.0, 0.0, 0.0])


def test_a_small_group_is_drawn_further_than_a_large_one() -> None:
    estimates, errors = np.array([0.20, 0.20, -0.20, -0.20]), np.array([0.01, 0.10, 0.01, 0.10])
    found = pool(estimates, errors)
    large, small = found.shrunk[0], found.shrunk[1]
    assert found.mean < small < large < 0.20
    assert large == pytest.approx(0.20, abs=0.002)


def test_shrinking_lessens_the_error_over_many_groups() -> None:
    rng = np.random.default_rng(1)
    truth, errors = rng.normal(0.03, 0.02, 500), np.full(500, 0.05)
    seen = truth + errors * rng.standard_normal(500)
    found = pool(seen, errors)
    assert found.spread == pytest.approx(0.02, abs=0.01)
    assert ((found.shrunk - truth) ** 2).mean() < 0.5 * ((seen - truth) ** 2).mean()


def test_one_group_is_left_as_it_is() -> None:
    assert pool(np.array([0.1]), np.array([0.02])).shrunk.tolist() == [0.1]
