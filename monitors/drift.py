"""Drift of the features: PSI, KS and their own-window evidence against what the model was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from monitors.arrays import FloatArray, IntArray
from monitors.ks import KNOTS, RankGrid
from monitors.own_windows import OwnWindows, own_windows
from monitors.psi import psi_edges
from monitors.reading import NoData
from monitors.repeats import most_repeated
from monitors.stack import LEAST_WITH_NULL, Stack
from monitors.window_law import WindowLaw

COARSE = 200  # knots of the own-window null; the displayed KS distance uses the full grid
LEAST_VALUES = 100  # ten per bin: with fewer, the chi-square rule does not hold


@dataclass(frozen=True, slots=True, eq=False)
class FeatureReference:
    """One feature of the reference, prepared.

    Attributes:
        name: The feature.
        n: Values present.
        missing: Share of values unknown or infinite, in [0, 1].
        reason: Why nothing can be compared with it, or None.
        grid: Ranks of the reference at about a thousand knots.
        coarse: Where the knots of the own-window null stand in `grid`, shape (coarse knots,).
        edges: Where the PSI edges stand in `grid`, shape (bins - 1,).
        counts: Reference values in each PSI bin, shape (bins,).
        null: What the reference's own windows scored, or None where it is too short for that.
        repeats: The greatest share of values that stood still over five sessions in the reference.
    """

    name: str
    n: int
    missing: float
    reason: NoData | None
    grid: RankGrid
    coarse: IntArray
    edges: IntArray
    counts: IntArray
    null: OwnWindows | None
    repeats: float

    def null_for(self, n: int) -> OwnWindows | None:
        """The own windows a window of n values can be held against; None where it is much the thinner."""
        fits = self.null is not None and n >= LEAST_WITH_NULL and 2 * n >= self.null.n
        return self.null if fits else None


@dataclass(frozen=True, eq=False)
class DriftReference:
    """What a model was trained on, prepared for comparison with later windows of `window` sessions.

    Attributes:
        window: Sessions in the windows that will be compared.
        sessions: Sessions in the reference.
        features: One prepared reference a feature.
        origin: Which version of what it is, in words, as `model 3 (2019-01-02 to 2021-12-30)`.
    """

    window: int
    sessions: int
    features: tuple[FeatureReference, ...]
    origin: str = ""

    def __reduce__(self) -> tuple[type[DriftReference], tuple[object, ...]]:
        """What is derived is not stored."""
        return type(self), (self.window, self.sessions, self.features, self.origin)

    @cached_property
    def stack(self) -> Stack:
        """The features side by side, made when first asked for."""
        return Stack.of(self.features)

    def joint_law(self, counted: tuple[int, ...]) -> WindowLaw | None:
        """The law of the sum of -ln p over these features; None where hardly a window is known in all."""
        entry = self._joint_laws.get(counted)
        if entry is None:
            entry = (_joint_law([self.features[i] for i in counted]),)
            self._joint_laws.clear()  # one entry: which features are known hardly changes
            self._joint_laws[counted] = entry
        return entry[0]

    @cached_property
    def _joint_laws(self) -> dict[tuple[int, ...], tuple[WindowLaw | None]]:
        return {}

    @cached_property
    def disjoint(self) -> float:
        """How many windows the reference holds side by side, of the feature with the fewest; 0 for none."""
        return min((one.null.psi.disjoint for one in self.features if one.null is not None), default=0.0)

    @property
    def names(self) -> tuple[str, ...]:
        """The features in their order on the last axis."""
        return tuple(feature.name for feature in self.features)


def prepare_reference(
    history: FloatArray,
    names: tuple[str, ...],
    *,
    window: int,
    knots: int = KNOTS,
    origin: str = "",
) -> DriftReference:
    """Sort the reference once; keep ranks, PSI bins and the scores of its own windows.

    Args:
        history: Shape (sessions, tickers, features); NaN and infinities are unknown values.
        names: The features, in order.
        window: Sessions in the windows that will be compared.
        knots: Knots of the grid of ranks; the KS distance is in error by about one over this.
        origin: Which version of what it is, in words.

    Returns:
        A compact, picklable reference (about 33 kB a feature).

    Raises:
        ValueError: When the shapes do not fit each other or `window` is not positive.
    """
    if history.ndim != 3 or history.shape[2] != len(names):
        raise ValueError(f"reference {history.shape} does not hold {len(names)} features on its third axis")
    if window < 1:
        raise ValueError(f"window of {window} sessions: at least 1 is needed")
    by_feature = np.ascontiguousarray(np.moveaxis(history, 2, 0), dtype=np.float64)
    features = tuple(
        _prepare_feature(name, values, window, knots) for name, values in zip(names, by_feature, strict=True)
    )
    return DriftReference(window, history.shape[0], features, origin)


def _prepare_feature(name: str, values: FloatArray, window: int, knots: int) -> FeatureReference:
    ordered = np.sort(values[np.isfinite(values)])
    missing = 1.0 - ordered.size / values.size if values.size else 1.0
    reason = _unusable(ordered)
    if reason is not None:
        nothing = np.empty(0, dtype=np.int64)
        n = int(ordered.size)
        empty = RankGrid(ordered[:0], nothing, n, 0.0)
        return FeatureReference(name, n, missing, reason, empty, nothing, nothing, nothing, None, 0.0)
    edges = psi_edges(ordered)
    coarse = RankGrid.of(ordered, COARSE, also=edges)
    grid = RankGrid.of(ordered, knots, also=coarse.knots)
    return FeatureReference(
        name=name,
        n=int(ordered.size),
        missing=missing,
        reason=None,
        grid=grid,
        coarse=grid.knots.searchsorted(coarse.knots),
        edges=grid.knots.searchsorted(edges),
        counts=np.diff(ordered.searchsorted(edges, "right"), prepend=0, append=ordered.size),
        null=own_windows(values, coarse, edges, window=window, least=LEAST_WITH_NULL),
        repeats=most_repeated(values),
    )


def _joint_law(features: list[FeatureReference]) -> WindowLaw | None:
    nulls = [feature.null for feature in features if feature.null is not None]
    if not nulls:
        return None
    total = -np.log(np.stack([null.p_values for null in nulls])).sum(axis=0)
    known = total[~np.isnan(total)]  # windows known in every one of these features
    if known.size < 2:
        return None
    disjoint = min(null.psi.disjoint for null in nulls)
    return WindowLaw.of(known, disjoint * known.size / total.size)


def _unusable(ordered: FloatArray) -> NoData | None:
    if ordered.size == 0:
        return NoData.MISSING
    if ordered[0] == ordered[-1]:
        return NoData.CONSTANT
    return NoData.TOO_FEW if ordered.size < LEAST_VALUES else None
