"""river: its streamed detectors."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench.peers.worker import Contender, Family, Foreign, Setting, Update, work

EVERY = ("levels", "innovations", "daily", "two_hours", "wins")


def contender() -> Contender:
    """The detectors at their defaults, and what three of them may be tuned to."""
    from river import drift  # type: ignore[import-not-found]  # noqa: PLC0415

    binary = drift.binary
    wins = {
        "ADWIN": Family(_made(drift.ADWIN), {}),
        "PageHinkley": Family(_made(drift.PageHinkley), {}),
        "DDM": Family(_made(binary.DDM, whole=True), {}),
        "HDDM_A": Family(_made(binary.HDDMA, whole=True), {}),
        "HDDM_W": Family(_made(binary.HDDMW, whole=True), {}),
        "EDDM": Family(_made(binary.EDDM, whole=True), {}),
        "KSWIN": Family(_made(drift.KSWIN), {"seed": 1}, most_streams=20, most_values=3000),
    }
    detectors = {
        "ADWIN": Family(_made(drift.ADWIN), {}, _adwin(), feeds=EVERY),
        "PageHinkley": Family(_made(drift.PageHinkley), {}, _page_hinkley(), feeds=EVERY),
        "KSWIN": Family(_made(drift.KSWIN), {"seed": 1}, _kswin()),
    }
    return Contender(wins=wins, detectors=detectors, annotations=_annotations)


def _annotations() -> dict[str, object]:
    from river.drift import datasets  # type: ignore[import-not-found]  # noqa: PLC0415

    kinds = {"apple": datasets.Apple, "bitcoin": datasets.Bitcoin, "occupancy": datasets.Occupancy}
    return {name: kind().annotations for name, kind in kinds.items()}


def _adwin() -> tuple[Setting, ...]:
    return tuple(
        {"delta": delta, "clock": clock, "min_window_length": 5, "grace_period": 10}
        for delta in (0.9, 0.5, 0.3, 0.2, 0.1, 0.05, 0.01, 2e-3, 3e-4, 1e-5, 1e-7, 1e-9, 1e-12, 1e-15)
        for clock in (1, 32)
    )


def _page_hinkley() -> tuple[Setting, ...]:
    return tuple(
        {"threshold": threshold, "delta": delta, "min_instances": 10}
        for threshold in (3.0 * 1.5**step for step in range(18))
        for delta in (0.005, 0.5)
    )


def _kswin() -> tuple[Setting, ...]:
    return tuple(
        {"alpha": alpha, "window_size": size, "stat_size": size * 3 // 10, "seed": 1}
        for alpha in (0.02, 0.005, 5e-4, 5e-5, 1e-6)
        for size in (40, 100)
    )


def _made(kind: Callable[..., Foreign], *, whole: bool = False) -> Callable[[Setting], Update]:
    """A detector as a function of one value; those of errors are fed whole numbers."""

    def make(setting: Setting) -> Update:
        detector = kind(**setting)

        def update(value: float) -> bool:
            detector.update(int(value) if whole else value)
            return bool(detector.drift_detected)

        return update

    return make


if __name__ == "__main__":
    work(contender(), sys.argv[1:])
