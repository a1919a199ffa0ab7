"""The shelf: which reference the newest window is held against, and when it is renewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import numpy as np

from monitors.archive import digest
from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference

ALL = "all"  # the only place on a shelf that knows no regimes


class Policy(StrEnum):
    """How a reference follows time."""

    FIXED = "fixed"
    ROLLING = "rolling"
    PER_REGIME = "per_regime"


@dataclass(frozen=True, slots=True)
class ShelfSettings:
    """How references are kept.

    Attributes:
        policy: Fixed for ever, renewed every so often, or one for each regime (renewed every so often).
        window: Sessions in the windows that will be compared.
        sessions: How many of the newest sessions make a reference.
        gap: Newest sessions left out of it, so that no window is part of its own reference.
        renew_after: Sessions after which a reference that is not fixed is made anew.
        least: Fewest sessions that make a reference.
    """

    policy: Policy = Policy.FIXED
    window: int = 20
    sessions: int = 504
    gap: int = 20
    renew_after: int = 63
    least: int = 200

    def __post_init__(self) -> None:
        if self.least > self.sessions:
            raise ValueError(f"least of {self.least} sessions exceeds the reference's {self.sessions}")


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """One reference and where it came from.

    Attributes:
        number: 1 for the first on its place, then one more each time.
        first: First session in it.
        last: Last session in it.
        made_after: How many sessions the shelf had seen when it was made.
        name: Sixteen digits of its content; the same content has the same name.
        reference: The reference itself.
    """

    number: int
    first: date
    last: date
    made_after: int
    name: str
    reference: DriftReference


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """The references in use, one place for each regime, or one for all."""

    settings: ShelfSettings
    places: Mapping[str, Version] = field(default_factory=dict)

    def reference(self, regime: str = ALL) -> DriftReference | None:
        """What a window of this regime is held against; None where nothing is on the shelf yet.

        A regime seen too seldom for a reference of its own has none: it is not judged against another's.
        """
        place = regime if self.settings.policy is Policy.PER_REGIME else ALL
        version = self.places.get(place)
        return None if version is None else version.reference


def renewed(
    shelf: Shelf,
    sessions: Sequence[date],
    history: FloatArray,
    names: tuple[str, ...],
    *,
    regime: str = ALL,
    regimes: Sequence[str] | None = None,
) -> Shelf:
    """The shelf after the newest session: the same object, or one on which a reference was made or renewed.

    Args:
        shelf: Before.
        sessions: All sessions known, oldest first, the newest included.
        history: Their features, shape (sessions, tickers, features), NaN = unknown.
        names: The features.
        regime: The regime of the newest session.
        regimes: The regime of each session; needed where references are kept per regime. Sessions of one
            regime are joined in order of time; a few of the null's windows then cross a seam.

    Raises:
        ValueError: When the lengths differ or regimes are needed and not given.
    """
    settings = shelf.settings
    if history.shape[0] != len(sessions) or (regimes is not None and len(regimes) != len(sessions)):
        raise ValueError(f"{len(sessions)} sessions, but history of {history.shape[0]}")
    per_regime = settings.policy is Policy.PER_REGIME
    if per_regime and regimes is None:
        raise ValueError("references per regime need the regime of each session")
    place = regime if per_regime else ALL
    held = shelf.places.get(place)
    if held is not None and (
        settings.policy is Policy.FIXED or len(sessions) - held.made_after < settings.renew_after
    ):
        return shelf
    usable = np.arange(max(0, len(sessions) - settings.gap))
    if per_regime and regimes is not None:
        usable = usable[np.array([name == place for name in regimes[: usable.size]], dtype=np.bool_)]
    taken = usable[-settings.sessions :]
    if taken.size < settings.least:
        return shelf
    reference = prepare_reference(history[taken], names, window=settings.window, compact=True)
    version = Version(
        1 if held is None else held.number + 1,
        sessions[int(taken[0])],
        sessions[int(taken[-1])],
        len(sessions),
        digest(reference),
        reference,
    )
    return Shelf(settings, {**shelf.places, place: version})
