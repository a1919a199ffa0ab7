"""The collections: recorded streams that are tuned and judged together, and what to know of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.peers.tables import flowing
from bench.real_drift import change_points
from bench.real_drift.elec2 import AFTER, HISTORIES, KNOWN, actual, histories, series
from bench.real_drift.stream import Stream
from monitors.arrays import FloatArray

WATCHED = {
    "price": "the price itself",
    "demand": "the demand itself",
    "wins": "whether a forecaster fitted on the first 60 days is right about the next move",
}
MARKET = f"""The electricity market of New South Wales before and after Victoria's joined it. Calm
histories are real days before the change in blocks of a week, changed ones go on with real days after it:
{HISTORIES} of either kind, of which the first {KNOWN} days are for getting to know the series. An alarm
within 120 days notices the change. Detectors are ranked by their mean delay at equal budgets, a missed
change counting as 120 days; F1 charges once more for false alarms that the budget allows, and is shown
beside it. (They were first ranked by F1, where ours lost nearly everywhere: what a setting is chosen for
decides that, see the total at the end.) *As it happened* is the one true order, at the settings of the first
budget; its seasons count as calm there, though no detector can take them so."""
MARKED = """Short series of the Turing change point data set, five annotators each. Marks within 5 values
are one change; it counts when two annotators saw it and is noticed by an alarm from its first mark until
20 values after its last. What one annotator alone saw counts neither way. *Innovations* are what the mean
and the lag-one correlation of the past do not foretell; every detector is run on both."""
LABELLED = """Streams of the Numenta anomaly benchmark as hourly means. Its labelled
windows are the changes; the first 15 % of a stream are not judged. A window begins well before what it
labels, so delays compare detectors with each other only. Means of 15 minutes at half these budgets were
tried first; there ADWIN was ahead."""


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Streams that are tuned and judged together.

    Attributes:
        title: Heading of its table.
        note: Where it comes from, what counts as a change and as noticed.
        streams: What detectors ran on.
        budgets: False alarms a thousand calm values, one column group each.
        unit: What a value is, for delays.
        longest: What a missed change counts as in delays, by which detectors are then ranked; None to rank
            them by F1, where streams hold many changes.
        shown: A stream that is only shown, at the settings of the first budget, or None.
    """

    title: str
    note: str
    streams: tuple[Stream, ...]
    budgets: tuple[float, ...]
    unit: str
    longest: int | None = None
    shown: Stream | None = None

    def arrays(self) -> dict[str, FloatArray]:
        """What workers read: every input of every stream."""
        streams = (*self.streams, *((self.shown,) if self.shown is not None else ()))
        return {f"{kind}:{stream.name}": fed for stream in streams for kind, fed in stream.inputs.items()}


def market(path: Path) -> tuple[Collection, ...]:
    """Elec2, one collection for each series watched."""
    return tuple(
        Collection(
            f"Real drift: Elec2, {name}",
            f"Watched: {WATCHED[name]}. {flowing(MARKET)}",
            histories(days, name),
            (4.0, 10.0),
            "days",
            longest=AFTER,
            shown=actual(days, name),
        )
        for name, days in series(path).items()
    )


def marked(folder: Path, annotations: dict[str, change_points.Marks]) -> Collection:
    """The change points that people marked; see `change_points.turing`."""
    streams = change_points.turing(folder, annotations)
    title = "Real drift: change points that people marked"
    return Collection(title, flowing(MARKED), streams, (2.0, 5.0, 10.0, 20.0), "values")


def labelled(folder: Path) -> Collection:
    """The anomalies that operators labelled; see `change_points.numenta`."""
    streams = change_points.numenta(folder)
    title = "Real drift: server metrics, a machine, ticker mentions"
    return Collection(title, flowing(LABELLED), streams, (1.0, 2.0, 5.0, 10.0), "hours")
