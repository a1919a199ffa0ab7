"""The target: what a forecast says the probability of."""

from __future__ import annotations

from enum import StrEnum


class Target(StrEnum):
    """Relative is to beat the universe's median over the horizon; absolute is to rise at all.

    Stocks of one session move together, so sessions are the sample of the absolute target: its pooled
    calibration says little about any one of them.
    """

    RELATIVE = "relative"
    ABSOLUTE = "absolute"
