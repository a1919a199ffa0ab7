"""The signals: named groups of features, each with a probability of its own.

A signal reads a few features of one kind as centred cross-sectional ranks and gives a calibrated probability
of the target. It is fitted from sums kept per session, with a penalty that its own history sets: a group
whose past says no more than chance gives the base rate.
"""

from forecaster.signals.evidence import Evidence, History, gather
from forecaster.signals.fitted import FittedSignal, fit_signals
from forecaster.signals.registry import SIGNALS, Signal, features_of, usable_signals

__all__ = [
    "SIGNALS",
    "Evidence",
    "FittedSignal",
    "History",
    "Signal",
    "features_of",
    "fit_signals",
    "gather",
    "usable_signals",
]
