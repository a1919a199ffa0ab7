"""The worker: one contender does one task on one .npz file and prints one JSON line.

It runs in every contender's own environment, so it needs numpy and the standard library only.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Data = Mapping[str, FloatArray]
Verdict = bool | str  # drift or none, or why it cannot be judged
Decide = Callable[[FloatArray, FloatArray], Verdict]
Update = Callable[[float], bool]
Setting = dict[str, float | int]
Prepare = Callable[[FloatArray, FloatArray], Callable[[], object]]
Foreign = Any  # a thing of a library whose types are not at hand here

LAWS = ("normal", "t3", "ar1_0.95")
SHIFT = 0.5  # standard deviations
BUDGET_S = 3.0
MOST_CALLS = 30


@dataclass(frozen=True, slots=True)
class Family:
    """A streamed detector.

    Attributes:
        make: A fresh detector with these settings: a function that takes one value and says whether it
            alarms; after an alarm it goes on by itself.
        default: The settings it comes with.
        settings: The settings it may be tuned to.
        most_streams: Streams it is run on in the win-rate task, fewer for slow ones.
        most_values: Values of each stream in that task.
        feeds: Kinds of streams it is run on in the real-drift tasks; the kind begins a stream's name.
    """

    make: Callable[[Setting], Update]
    default: Setting
    settings: tuple[Setting, ...] = ()
    most_streams: int = 1000
    most_values: int = 1_000_000
    feeds: tuple[str, ...] = ("levels", "innovations", "daily")


@dataclass(frozen=True, slots=True)
class Contender:
    """What one library is asked to do.

    Attributes:
        timed: Name to a function that prepares (reference, current), shape (features, n), and returns the
            call to be timed.
        decisions: Name to its decision on one feature, at the library's own default.
        windows: Windows a law it is judged on, fewer for slow ones.
        robust: Name to its decision on odd inputs, where another than `decisions` is meant.
        wins: Detectors of the win-rate task, fed losses (1 - win).
        detectors: Detectors of the real-drift tasks.
        annotations: Change points of series that the library ships, by series and annotator.
    """

    timed: Mapping[str, Prepare] = field(default_factory=dict)
    decisions: Mapping[str, Decide] = field(default_factory=dict)
    windows: int = 1000
    robust: Mapping[str, Decide] | None = None
    wins: Mapping[str, Family] = field(default_factory=dict)
    detectors: Mapping[str, Family] = field(default_factory=dict)
    annotations: Callable[[], dict[str, object]] = dict


def work(contender: Contender, arguments: list[str] | None = None) -> None:
    """Read the task and the data from the command line, do it, print one JSON line."""
    parser = argparse.ArgumentParser(description="One contender, one task.")
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("data", help="an .npz file")
    chosen = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    with np.load(chosen.data) as data:
        found = TASKS[chosen.task](contender, data)
    print(json.dumps(found))


def timed(contender: Contender, data: Data) -> dict[str, object]:
    """Median milliseconds of each call on `ref` and `cur`, shape (features, n), and the rise of the peak.

    Calls come in the order given, so the rise beside each is that of all up to it.
    """
    ref, cur = data["ref"], data["cur"]
    before = _peak_mib()
    spent, extra = {}, {}
    for name, prepare in contender.timed.items():
        spent[name] = _median_ms(prepare(ref, cur))
        extra[name] = _peak_mib() - before
    return {"ms": spent, "extra_mib": extra}


def flagged(contender: Contender, data: Data) -> dict[str, object]:
    """Share of windows flagged without drift and with a shift of half a standard deviation, a law at a time.

    Of each law the data holds `<law>_ref`, shape (windows, n), and `<law>_cur`, shape (windows, m).
    """
    found: dict[str, object] = {}
    for name, decide in contender.decisions.items():
        rows = {}
        for law in LAWS:
            pairs = list(zip(data[f"{law}_ref"], data[f"{law}_cur"], strict=True))[: contender.windows]
            spread = float(data[f"{law}_sd"])
            calm = sum(decide(ref, cur) is True for ref, cur in pairs)
            shifted = sum(decide(ref, cur + SHIFT * spread) is True for ref, cur in pairs)
            rows[law] = [calm / len(pairs), shifted / len(pairs), len(pairs)]
        found[name] = rows
    return found


def odd(contender: Contender, data: Data) -> dict[str, object]:
    """What each decision answers to each odd input, `<case>_ref` against `<case>_cur`, in words."""
    cases = sorted(key.removesuffix("_ref") for key in data if key.endswith("_ref"))
    decisions = contender.decisions if contender.robust is None else contender.robust
    return {
        name: {case: _answer(decide, data[f"{case}_ref"], data[f"{case}_cur"]) for case in cases}
        for name, decide in decisions.items()
    }


def wins(contender: Contender, data: Data) -> dict[str, object]:
    """Where each detector at its default first alarms, -1 for never.

    `calm` and `changed` hold wins as 0 and 1, shape (streams, trades).
    """
    found: dict[str, object] = {}
    for name, family in contender.wins.items():
        rows: dict[str, object] = {}
        for kind in ("calm", "changed"):
            streams = data[kind][: family.most_streams]
            if kind == "calm":
                streams = streams[:, : family.most_values]
            rows[kind] = [_first(family, 1.0 - stream.astype(np.float64)) for stream in streams]
            rows[f"{kind}_trades"] = streams.shape[1]
        found[name] = rows
    return found


def alarms(contender: Contender, data: Data) -> dict[str, object]:
    """Where each detector alarms in each stream of a kind it takes, at each of its settings.

    Streams are the arrays of the file, named `kind:name`.
    """
    found: dict[str, object] = {}
    for name, family in contender.detectors.items():
        streams = {key: data[key].tolist() for key in data if key.split(":")[0] in family.feeds}
        if streams:
            found[name] = [
                {
                    "setting": setting,
                    "alarms": {key: _all(family, setting, held) for key, held in streams.items()},
                }
                for setting in family.settings
            ]
    return found


def _first(family: Family, values: FloatArray) -> int:
    update = family.make(family.default)
    for i, value in enumerate(values.tolist()):
        if update(value):
            return i
    return -1


def _all(family: Family, setting: Setting, values: list[float]) -> list[int]:
    update = family.make(setting)
    return [i for i, value in enumerate(values) if update(value)]


def _answer(decide: Decide, ref: FloatArray, cur: FloatArray) -> str:
    try:
        verdict = decide(ref, cur)
    except Exception as error:  # whatever a library raises is its answer
        words = " ".join(str(error).split())[:50]
        return f"error: {type(error).__name__}{': ' if words else ''}{words}"
    if isinstance(verdict, str):
        return verdict
    return "drift" if verdict else "no drift"


def _median_ms(call: Callable[[], object]) -> float:
    """Median of up to thirty calls within three seconds, at least two, after one that is not counted."""
    call()
    gc.collect()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 2 or (len(times) < MOST_CALLS and time.perf_counter() - began < BUDGET_S):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


TASKS: dict[str, Callable[[Contender, Data], dict[str, object]]] = {
    "timed": timed,
    "flagged": flagged,
    "odd": odd,
    "wins": wins,
    "alarms": alarms,
    "annotations": lambda contender, _: contender.annotations(),
}
