"""NannyML: univariate drift against thresholds from the reference's own chunks."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from bench.peers.worker import Contender, Decide, FloatArray, Foreign, Prepare, Verdict, work

JS, KS = "jensen_shannon", "kolmogorov_smirnov"


def contender() -> Contender:
    """Jensen-Shannon, its default, and KS; it has no PSI."""
    import nannyml  # type: ignore[import-not-found]  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    nannyml.disable_usage_logging()
    logging.disable(logging.WARNING)

    def table(values: FloatArray) -> Foreign:
        return pd.DataFrame({f"f{i}": row for i, row in enumerate(values)})

    def fitted(ref: FloatArray, methods: list[str], size: int) -> Foreign:
        names = [f"f{i}" for i in range(len(ref))]
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=names, treat_as_numerical=names, continuous_methods=methods, chunk_size=size
        )
        return calculator.fit(table(ref))

    def calculate(methods: list[str]) -> Prepare:
        def prepare(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
            held, new = fitted(ref, methods, cur.shape[1]), table(cur)
            return lambda: held.calculate(new)

        return prepare

    def decision(method: str) -> Decide:
        def decide(ref: FloatArray, cur: FloatArray) -> Verdict:
            result = fitted(ref[None], [method], cur.size).calculate(table(cur[None]))
            return bool(result.filter(period="analysis").to_df()[("f0", method, "alert")].iloc[-1])

        return decide

    return Contender(
        timed={
            "Jensen-Shannon, reference fitted": calculate([JS]),
            "KS, reference fitted": calculate([KS]),
            "both and verdict, reference fitted": calculate([JS, KS]),
        },
        decisions={
            "default (Jensen-Shannon, 3 sd of own chunks)": decision(JS),
            "KS, 3 sd of own chunks": decision(KS),
        },
        windows=60,
    )


if __name__ == "__main__":
    work(contender(), sys.argv[1:])
