"""Evidently: its tests as bare functions and as its report."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench.peers.worker import Contender, Decide, FloatArray, Foreign, Prepare, Verdict, work


def contender() -> Contender:
    """PSI, KS and the default choice of test."""
    import pandas as pd  # noqa: PLC0415
    from evidently import DataDefinition, Dataset, Report  # type: ignore[import-not-found]  # noqa: PLC0415
    from evidently.legacy.calculations import (  # type: ignore[import-not-found]  # noqa: PLC0415
        stattests,
    )
    from evidently.legacy.core import ColumnType  # type: ignore[import-not-found]  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]  # noqa: PLC0415

    number = ColumnType.Numerical

    def bare(test: Foreign) -> Prepare:
        def prepare(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
            pairs = [(pd.Series(a), pd.Series(b)) for a, b in zip(ref, cur, strict=True)]
            return lambda: [test(a, b, number, None) for a, b in pairs]

        return prepare

    def report(method: str | None) -> Callable[[FloatArray, FloatArray], Callable[[], Foreign]]:
        def prepare(ref: FloatArray, cur: FloatArray) -> Callable[[], Foreign]:
            names = [f"f{i}" for i in range(len(ref))]
            spec = DataDefinition(numerical_columns=names)
            old, new = (
                Dataset.from_pandas(pd.DataFrame(dict(zip(names, table, strict=True))), spec)
                for table in (ref, cur)
            )
            preset = DataDriftPreset() if method is None else DataDriftPreset(num_method=method)
            return lambda: Report([preset]).run(new, old).dict()

        return prepare

    def decision(test: Foreign) -> Decide:
        def decide(ref: FloatArray, cur: FloatArray) -> Verdict:
            old, new = pd.Series(ref), pd.Series(cur)
            chosen = stattests.get_stattest(old, new, number, None) if test is None else test
            return bool(chosen(old, new, number, None).drifted)

        return decide

    def by_report(method: str | None) -> Decide:
        def decide(ref: FloatArray, cur: FloatArray) -> Verdict:
            metrics = report(method)(ref[None], cur[None])()["metrics"]
            counts = (one["value"]["count"] for one in metrics if "DriftedColumnsCount" in one["metric_name"])
            return bool(next(counts) > 0)

        return decide

    return Contender(
        timed={
            "PSI": bare(stattests.psi_stat_test),
            "KS": bare(stattests.ks_stat_test),
            "report, PSI and verdict": report("psi"),
            "report, KS and verdict": report("ks"),
        },
        decisions={
            "default (Wasserstein 0.1)": decision(None),
            "PSI 0.1": decision(stattests.psi_stat_test),
            "KS 5 %": decision(stattests.ks_stat_test),
        },
        robust={
            "report, default": by_report(None),
            "report, PSI 0.1": by_report("psi"),
            "report, KS 5 %": by_report("ks"),
        },
    )


if __name__ == "__main__":
    work(contender(), sys.argv[1:])
