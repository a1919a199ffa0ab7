"""whylogs: profiles, and drift between profiles."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench.peers.worker import Contender, Decide, FloatArray, Foreign, Verdict, work


def contender() -> Contender:
    """KS and Hellinger from sketches; it has no PSI."""
    import pandas as pd  # noqa: PLC0415
    import whylogs  # type: ignore[import-not-found]  # noqa: PLC0415
    from whylogs.viz.drift.column_drift_algorithms import (  # type: ignore[import-not-found]  # noqa: PLC0415
        KS,
        Hellinger,
    )

    def profile(values: FloatArray) -> Foreign:
        return whylogs.log(pd.DataFrame({f"f{i}": row for i, row in enumerate(values)})).view()

    def prepare(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
        held, names = profile(ref), [f"f{i}" for i in range(len(ref))]

        def call() -> object:
            seen = profile(cur)
            return [KS().calculate(seen.get_column(name), held.get_column(name), True) for name in names]

        return call

    def decision(kind: Foreign) -> Decide:
        def decide(ref: FloatArray, cur: FloatArray) -> Verdict:
            old, new = (profile(values[None]).get_column("f0") for values in (ref, cur))
            found = kind().calculate(new, old, True)
            return "cannot judge" if found is None else str(found.drift_category) == "DRIFT"

        return decide

    return Contender(
        timed={"profile, KS and verdict": prepare},
        decisions={"KS": decision(KS), "Hellinger": decision(Hellinger)},
    )


if __name__ == "__main__":
    work(contender(), sys.argv[1:])
