"""The reference policy: how what the newest window is held against follows time."""

from __future__ import annotations

from enum import StrEnum


class Policy(StrEnum):
    """Which sessions the newest ones are held against."""

    ROLLING = "rolling"
    """Those that the model in use was trained on: renewed with every fit."""

    FIXED = "fixed"
    """Those that the first model was trained on, for ever."""

    PER_REGIME = "per_regime"
    """Those that the model in use was trained on, of them those of the regime that the whole window has."""
