"""frouros: its PSI and its KS test."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench.peers.worker import Contender, FloatArray, Foreign, Prepare, Verdict, work


def contender() -> Contender:
    """PSI (it names no limit; the classic one is used) and KSTest."""
    from frouros.detectors.data_drift import PSI, KSTest  # type: ignore[import-not-found]  # noqa: PLC0415

    def fitted(kind: Foreign, ref: FloatArray) -> Foreign:
        detector = kind()
        detector.fit(X=ref)
        return detector

    def compare(*kinds: Foreign) -> Prepare:
        def prepare(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
            held = [[fitted(kind, row) for row in ref] for kind in kinds]
            return lambda: [one.compare(X=row) for rows in held for one, row in zip(rows, cur, strict=True)]

        return prepare

    def by_psi(ref: FloatArray, cur: FloatArray) -> Verdict:
        return bool(fitted(PSI, ref).compare(X=cur)[0].distance > 0.2)

    def by_ks(ref: FloatArray, cur: FloatArray) -> Verdict:
        return bool(fitted(KSTest, ref).compare(X=cur)[0].p_value < 0.05)

    return Contender(
        timed={"PSI": compare(PSI), "KS": compare(KSTest), "PSI and KS": compare(PSI, KSTest)},
        decisions={"PSI 0.2": by_psi, "KS 5 %": by_ks},
    )


if __name__ == "__main__":
    work(contender(), sys.argv[1:])
