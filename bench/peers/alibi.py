"""alibi-detect: its KS detector."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from bench.peers.worker import Contender, FloatArray, Verdict, work


def contender() -> Contender:
    """KSDrift at its defaults; it has no PSI."""
    from alibi_detect.cd import KSDrift  # type: ignore[import-not-found]  # noqa: PLC0415

    def prepare(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
        detector, new = KSDrift(np.ascontiguousarray(ref.T)), np.ascontiguousarray(cur.T)
        return lambda: detector.predict(new)

    def decide(ref: FloatArray, cur: FloatArray) -> Verdict:
        return bool(KSDrift(ref[:, None]).predict(cur[:, None])["data"]["is_drift"])

    return Contender(timed={"KS and verdict": prepare}, decisions={"KSDrift 5 %": decide})


if __name__ == "__main__":
    work(contender(), sys.argv[1:])
