"""Calibration: what a forecast's probability must be read as, so that it comes true as often as it says.

`Calibrator` fits, applies, judges and draws one of four maps; `book` keeps the map in use honest.
"""

from forecaster.calibration.calibrator import Calibrator, Method, NotFittedError
from forecaster.calibration.diagram import plot
from forecaster.calibration.evaluation import Evaluation, evaluate
from forecaster.calibration.sample import CalibrationError, Sample, make_sample

__all__ = [
    "CalibrationError",
    "Calibrator",
    "Evaluation",
    "Method",
    "NotFittedError",
    "Sample",
    "evaluate",
    "make_sample",
    "plot",
]
