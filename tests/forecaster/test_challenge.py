from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from forecaster.calibration.platt import PlattMap
from forecaster.challenge import ChallengeError, challenge
from forecaster.model_version import ModelVersion
from forecaster.signals import History
from forecaster.target import Target
from forecaster.training import fit
from tests.forecaster.planted import planted

EDGE, SESSIONS = 3.0, 1_100


@cache
def whole() -> History:
    return planted(EDGE, sessions=SESSIONS)


def before(n: int) -> History:
    history = whole()
    cut = slice(0, n)
    return History(
        history.sessions[cut],
        history.ranks[cut],
        history.outcomes[cut],
        history.signals,
        history.regimes[cut],
        history.sectors,
    )


@cache
def skilled() -> ModelVersion:
    return fit(before(500), version=2)


def plain() -> ModelVersion:
    return replace(skilled(), version=1, strength=0.0, calibration=PlattMap())


def test_a_better_model_is_promoted_on_evidence() -> None:
    found = challenge(plain(), skilled(), whole())
    assert found.promotes
    assert found.e_value >= 20
    assert found.gain > 0
    assert found.sessions == SESSIONS - 500
    assert found.words.startswith("promote: e-value ")


def test_the_better_one_keeps_its_place() -> None:
    found = challenge(skilled(), plain(), whole())
    assert not found.promotes
    assert found.gain < 0
    assert found.words.endswith("20 and a gain are needed")


def test_a_model_has_nothing_on_itself() -> None:
    assert challenge(skilled(), skilled(), whole()).e_value == 1.0


def test_sessions_that_either_was_fitted_to_do_not_count() -> None:
    later = replace(plain(), fitted_on=whole().sessions[-11])
    assert challenge(later, skilled(), whole()).sessions == 10
    never = replace(plain(), fitted_on=whole().sessions[-1] + timedelta(days=1))
    found = challenge(never, skilled(), whole())
    assert (found.e_value, found.sessions, found.forecasts) == (1.0, 0, 0)
    assert math.isnan(found.gain)
    assert "no forecast that both made out of sample is resolved yet" in found.words


def test_a_reckless_challenger_is_not_promoted_by_chance_more_often_than_promised() -> None:
    promoted = 0
    for seed in range(40):
        noise = planted(0.0, seed=100 + seed, sessions=200, tickers=12, labelled=False)
        dated = replace(
            noise, sessions=tuple(whole().sessions[-1] + timedelta(days=i + 1) for i in range(200))
        )
        promoted += challenge(plain(), replace(skilled(), strength=3.0), dated).promotes
    assert promoted <= 5


def test_different_questions_cannot_be_compared() -> None:
    with pytest.raises(ChallengeError, match="model 1 forecasts absolute over 5 sessions, model 2 relative"):
        challenge(replace(plain(), target=Target.ABSOLUTE), skilled(), whole())


def test_features_that_are_not_there_are_named() -> None:
    history = whole()
    fewer = History(
        history.sessions,
        history.ranks[..., 3:],
        np.array(history.outcomes),
        history.signals[1:],
        history.regimes,
        history.sectors,
    )
    with pytest.raises(ChallengeError, match="model 1 reads momentum_63, momentum_126, momentum_252_21"):
        challenge(plain(), skilled(), fewer)
