"""What is registered, and what is said of inputs that are not there."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from functools import partial

import numpy as np
import pytest

from forecaster.features import (
    FEATURE_NAMES,
    FEATURES,
    LONGEST_LOOKBACK,
    Feature,
    Layer,
    Tier,
    feature_matrix,
    feature_tiers,
)
from forecaster.tier import worst
from forecaster.window import BARS, make_window
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import everything, history
from tests.forecaster.twins import TICKER, UNIVERSE

FROM_BARS = ("off_exchange", "after_hours", "supply_chain")


def test_there_are_at_least_fifty_features_and_forty_five_need_no_more_than_daily_bars_and_series() -> None:
    assert len(FEATURES) >= 50
    assert sum(feature.layer not in FROM_BARS for feature in FEATURES) >= 45
    assert set(Counter(feature.layer for feature in FEATURES)) == set(Layer)


def test_every_feature_has_a_twin_and_a_name_of_its_own() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert set(TICKER) | set(UNIVERSE) == set(FEATURE_NAMES)
    assert not set(TICKER) & set(UNIVERSE)


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_a_feature_says_what_it_is_and_who_described_it_first(feature: Feature) -> None:
    year = re.compile(r"\b1[89]\d\d\b|\b20[012]\d\b")
    assert feature.name.isidentifier()
    assert feature.formula
    assert feature.inputs
    assert 1 <= feature.lookback <= LONGEST_LOOKBACK
    assert feature.warm_up == feature.lookback - 1
    assert year.search(feature.source)
    compute = feature.compute.func if isinstance(feature.compute, partial) else feature.compute
    assert year.search(inspect.getdoc(compute) or "")
    assert compute.__module__ == f"forecaster.features.{feature.layer}"


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_without_an_input_a_feature_is_unknown_and_its_tier_missing(feature: Feature) -> None:
    whole = everything()
    bare = make_window(history(), STOCKS, BENCHMARK)
    assert feature.tier(whole) is Tier.EXACT
    assert feature.absent(whole) == ()
    needs_more = not set(feature.inputs) <= {*BARS, "market", "weekdays"}
    assert (feature.tier(bare) is Tier.MISSING) == needs_more
    assert np.isnan(feature_matrix(bare, (feature,))).all() == needs_more
    assert np.isfinite(feature_matrix(whole, (feature,))).all()
    if needs_more:
        assert set(feature.absent(bare)) <= set(feature.inputs)


def test_an_estimated_input_makes_what_reads_it_estimated() -> None:
    panel = history()
    shares = np.ones((len(panel.sessions), len(STOCKS)))
    window = make_window(
        panel,
        STOCKS,
        BENCHMARK,
        extras={"off_exchange": shares, "short": shares},
        tiers={"off_exchange": Tier.ESTIMATED, "short": Tier.DELAYED},
    )
    found = dict(zip(FEATURE_NAMES, feature_tiers(window), strict=True))
    assert found["off_exchange_share"] is Tier.ESTIMATED
    assert found["dark_index"] is Tier.ESTIMATED
    assert found["after_hours_share"] is Tier.MISSING
    assert found["return_1"] is Tier.EXACT


def test_the_worst_tier_wins_and_nothing_is_exact() -> None:
    assert worst([Tier.DELAYED, Tier.ESTIMATED, Tier.EXACT]) is Tier.ESTIMATED
    assert worst([]) is Tier.EXACT
