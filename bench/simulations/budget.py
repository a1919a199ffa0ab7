"""The false-alarm budget of feature drift, and what it costs in power.

Windows of 250 rows are held against a reference of 25,000 earlier rows of the same series, by the evidence
that every drift reading carries: the reference's own windows. Nothing has changed, so a p-value of 1 %
should be seen in 1 % of windows, whatever the law. "Both" is the one p-value of PSI and KS together that
decides. Power is the share found at 1 % once the window is moved by half a standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.finding import Finding
from bench.laws import Law
from bench.share import Share
from monitors.arrays import FloatArray
from monitors.drift import prepare_reference
from monitors.feature_drift import FeatureDrift, compare
from monitors.settings import WatchSettings

TITLE = "Feature drift: a budget of 1 %"
SEED = 20261122
FULL = 800  # series a law
BATCH = 100  # series prepared at a time
REFERENCE, WINDOW, GAP, WINDOWS = 25_000, 250, 500, 8  # rows, rows, rows between, windows a series
LEVEL = 0.01
LIMITS = WatchSettings()


@dataclass(frozen=True, slots=True)
class Flagged:
    """Windows whose p-value is at or below the level.

    Attributes:
        psi: By PSI, without drift.
        ks: By KS, without drift.
        both: By the two together, without drift.
        moved: By the two together, once moved by half a standard deviation.
    """

    psi: Share
    ks: Share
    both: Share
    moved: Share

    def __add__(self, other: Flagged) -> Flagged:
        return Flagged(
            self.psi + other.psi, self.ks + other.ks, self.both + other.both, self.moved + other.moved
        )


NOTHING = Flagged(*[Share(0, 0)] * 4)


def findings(size: int = FULL) -> list[Finding]:
    """Measure every law.

    Args:
        size: Series a law, eight windows each.
    """
    found = []
    for law in Law:
        flagged = measure(law, size)
        for name, share in (("PSI", flagged.psi), ("KS", flagged.ks), ("both", flagged.both)):
            note = "the two share the budget as if they never agreed: cautious" if name == "both" else ""
            what = f"{law}: {name}, windows flagged"
            found.append(Finding.share(what, share, at_least=0.005, at_most=0.015, note=note))
        power = 0.99 if law is Law.NORMAL else -np.inf
        found.append(Finding.share(f"{law}: moved by 0.5 sd, found", flagged.moved, at_least=power))
    return found


def measure(law: Law, size: int) -> Flagged:
    """Count the windows of `size` series that are flagged."""
    rng = np.random.default_rng([SEED, list(Law).index(law)])
    total = NOTHING
    for start in range(0, size, BATCH):
        total += _batch(law.series(rng, REFERENCE + GAP + WINDOWS * WINDOW, min(BATCH, size - start)))
    return total


def _batch(values: FloatArray) -> Flagged:
    names = tuple(str(i) for i in range(values.shape[1]))
    reference = prepare_reference(values[:REFERENCE, None, :], names, window=WINDOW)
    step = 0.5 * values[:REFERENCE].std(axis=0)
    total = NOTHING
    for window in values[REFERENCE + GAP :].reshape(WINDOWS, WINDOW, 1, -1):
        calm, moved = (compare(held, reference, LIMITS) for held in (window, window + step))
        total += Flagged(
            _share([_p(drift, "psi") for drift in calm]),
            _share([_p(drift, "ks") for drift in calm]),
            _share([drift.p for drift in calm]),
            _share([drift.p for drift in moved]),
        )
    return total


def _p(drift: FeatureDrift, by: str) -> float:
    evidence = drift.psi_evidence if by == "psi" else drift.ks_evidence
    return np.nan if evidence is None or evidence.p_value is None else evidence.p_value


def _share(p_values: list[float]) -> Share:
    return Share(sum(p <= LEVEL for p in p_values), len(p_values))
