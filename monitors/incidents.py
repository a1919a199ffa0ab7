"""Incidents: what drifted together is one story, told once, the greatest contribution first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.arrays import BoolArray, FloatArray, IntArray

ALIKE = 0.5  # rank correlation from which two series count as one cause
TOGETHER = 5  # sessions within which two onsets count as one cause


@dataclass(frozen=True, slots=True)
class Incident:
    """Drift with one cause, as far as can be seen.

    Attributes:
        members: Names, the greatest contribution first.
        contributions: Of each, -ln p as a share of that of all that drifted, shape as `members`.
        p: The least p-value in it.
    """

    members: tuple[str, ...]
    contributions: tuple[float, ...]
    p: float

    @property
    def contribution(self) -> float:
        """Share of all evidence of the session that this incident holds."""
        return math.fsum(self.contributions)


def incidents(
    names: Sequence[str],
    p_values: FloatArray,
    drifted: BoolArray,
    windows: FloatArray | None = None,
    onsets: IntArray | None = None,
    *,
    alike: float = ALIKE,
    together: int = TOGETHER,
) -> tuple[Incident, ...]:
    """Group what drifted: series that move together, or that began to drift together, are one incident.

    Two are linked by a rank correlation of their windows of `alike` or more, in either direction, or by
    onsets at most `together` sessions apart; incidents are what links connect.

    Args:
        names: Of every series, as `AAPL/momentum_63`.
        p_values: Of every series, in (0, 1], shape (series,).
        drifted: Which of them drifted, as from `survivors`, shape (series,).
        windows: The newest values, shape (rows, series), NaN = unknown; None to link by onsets alone.
        onsets: Number of the session in which each began to drift, shape (series,); None to link by
            correlation alone.
        alike: Least correlation of one cause.
        together: Most sessions between onsets of one cause.

    Returns:
        Greatest contribution first; empty where nothing drifted.

    Raises:
        ValueError: When the lengths differ.

    Example:
        >>> wave = np.sin(np.arange(40.0))
        >>> windows = np.stack([wave, wave**3, np.cos(3 * np.arange(40.0))], axis=1)
        >>> found = incidents("abc", np.array([0.001, 1e-5, 0.002]), np.ones(3, dtype=bool), windows)
        >>> [incident.members for incident in found]
        [('b', 'a'), ('c',)]
    """
    if not len(names) == p_values.size == drifted.size:
        raise ValueError(f"{len(names)} names, {p_values.size} p-values, {drifted.size} verdicts")
    at = drifted.nonzero()[0]
    linked = np.eye(at.size, dtype=np.bool_)
    if windows is not None:
        linked |= np.abs(rank_correlation(windows[:, at])) >= alike
    if onsets is not None:
        linked |= np.abs(onsets[at, None] - onsets[None, at]) <= together
    weight = -np.log(p_values[at])
    shares = weight / max(float(weight.sum()), np.finfo(np.float64).tiny)
    found = []
    for group in _connected(linked):
        ranked = group[np.argsort(-shares[group], kind="stable")]
        members = tuple(names[i] for i in at[ranked].tolist())
        found.append(Incident(members, tuple(shares[ranked].tolist()), float(p_values[at[ranked]].min())))
    return tuple(sorted(found, key=lambda incident: -incident.contribution))


def onsets_of(values: FloatArray) -> IntArray:
    """Row from which each column most likely lies elsewhere: the peak of the rank CUSUM (Pettitt 1979).

    Args:
        values: In order of time, shape (rows, columns), NaN = unknown and set to the middle rank.

    Returns:
        Shape (columns,), from 0; 0 for a column without variation.

    Example:
        >>> onsets_of(np.repeat([[0.0], [1.0]], [30, 10], axis=0)).tolist()
        [30]
    """
    path = np.abs(np.cumsum(centred_ranks(values), axis=0))
    return np.asarray((path.argmax(axis=0) + 1) * (path.max(axis=0, initial=0.0) > 0))


def rank_correlation(values: FloatArray) -> FloatArray:
    """Spearman's (1904) correlation between columns, unknown values set to the middle rank.

    Args:
        values: Shape (rows, columns).

    Returns:
        Shape (columns, columns); 0 for a column without variation.
    """
    ranks = centred_ranks(values)
    length = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(length > 0, length, 1.0)
    return np.asarray(ranks.T @ ranks)


def centred_ranks(values: FloatArray) -> FloatArray:
    """Ranks of each column less their mean, ties their middle, 0 where unknown, same shape."""
    ranks = np.zeros(values.shape)
    for column, held in zip(ranks.T, values.T, strict=True):
        known = ~np.isnan(held)
        ordered = np.sort(held[known])
        ends = (ordered.searchsorted(held[known], side) for side in ("left", "right"))
        column[known] = sum(ends) / 2 - ordered.size / 2
    return ranks


def _connected(linked: BoolArray) -> list[IntArray]:
    """Groups that links connect, each as sorted places."""
    waiting = np.ones(linked.shape[0], dtype=np.bool_)
    groups = []
    while waiting.any():
        reached = np.zeros(waiting.size, dtype=np.bool_)
        edge = np.array([int(waiting.argmax())])
        while edge.size:
            reached[edge] = True
            edge = (linked[edge].any(axis=0) & ~reached).nonzero()[0]
        waiting &= ~reached
        groups.append(reached.nonzero()[0])
    return groups
