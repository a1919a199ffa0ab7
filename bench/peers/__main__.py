"""`make bench-peers`: every peer, every table, one page."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.peers import data
from bench.peers.asking import ROOT, Answer, ask, import_s
from bench.peers.environments import FOLDER, OURS, PEERS, NotInstalledError, Peer, python_of
from bench.peers.page import page_of
from bench.peers.tables import Table, flagged_table, odd_table, time_table, wins_table
from bench.real_drift.collection import labelled, marked, market
from bench.real_drift.report import drift_table
from bench.real_drift.whole import whole_table

PAGE = ROOT / "docs" / "benchmarks-peers.md"
SHARED = ROOT.parent / "shared" / "data"
AT_ONCE = 2
STREAMERS = ("Forewarn", "river")


class Round:
    """One run: the environments that could be made, the data as files, and the answers.

    Args:
        environments: Folder of the virtual environments.
        scratch: Folder for the data.
        console: Where progress is told.
    """

    def __init__(self, environments: Path, scratch: Path, console: Console) -> None:
        self._scratch = scratch
        self._console = console
        self.ready: dict[Peer, Path] = {}
        self.missing: list[Answer] = []
        for peer in (OURS, *PEERS):
            try:
                self.ready[peer] = python_of(peer, environments)
            except NotInstalledError as error:
                self.missing.append(Answer(peer.name, {}, str(error)))
                console.print(f"{error}; going on without it")

    def answers(
        self, task: str, arrays: data.Arrays, names: Sequence[str], at_once: int = AT_ONCE
    ) -> list[Answer]:
        """Ask these contenders, `at_once` of them at a time; what is not installed answers with that."""
        path = self._scratch / f"{task}-{time.monotonic_ns()}.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        chosen = [(peer, python) for peer, python in self.ready.items() if peer.name in names]
        with ThreadPoolExecutor(at_once) as pool:
            found = list(pool.map(lambda pair: self._asked(pair[0], pair[1], task, path), chosen))
        path.unlink()
        return found + [answer for answer in self.missing if answer.peer in names]

    def _asked(self, peer: Peer, python: Path, task: str, path: Path) -> Answer:
        started = time.perf_counter()
        answer = ask(peer, python, task, path)
        outcome = answer.error or "done"
        self._console.print(f"{task:<12}{peer.name:<14}{time.perf_counter() - started:6.1f} s  {outcome}")
        return answer


def main() -> None:
    """Make what is missing, measure everything, write the page."""
    parser = argparse.ArgumentParser(description="Forewarn beside its peers.")
    parser.add_argument(
        "--environments", type=Path, default=FOLDER, help="folder of the virtual environments"
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    chosen = parser.parse_args()
    console = Console()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as scratch:
        run = Round(chosen.environments, Path(scratch), console)
        tables = [*_made_up(run), *_recorded(run)]
    page = page_of(tables, run.missing, load)
    chosen.page.write_text(page)
    console.print(page, markup=False)


def _made_up(run: Round) -> list[Table]:
    """The tables on seeded data; times first and one library at a time."""
    batch = [peer.name for peer in (OURS, *PEERS) if peer.name != "river"]
    imports = {peer.name: import_s(peer, python) for peer, python in run.ready.items()}
    return [
        time_table(run.answers("timed", data.timing(), batch, at_once=1), imports),
        flagged_table(run.answers("flagged", data.laws(), batch)),
        odd_table(run.answers("odd", data.odd_inputs(), batch)),
        wins_table(run.answers("wins", data.win_streams(), STREAMERS)),
    ]


def _recorded(run: Round) -> list[Table]:
    """The tables on recorded streams, which stand beside the project and not in it."""
    if not SHARED.is_dir():
        return []
    asked = run.answers("annotations", {}, ("river",))
    collections = [
        *market(SHARED / "drift" / "elec2_nsw.csv.gz"),
        marked(SHARED / "changepoints", asked[0].found if asked else {}),
        labelled(SHARED / "changepoints"),
    ]
    answers = [run.answers("alarms", one.arrays(), STREAMERS) for one in collections]
    tables = [drift_table(one, given) for one, given in zip(collections, answers, strict=True)]
    return [*tables, whole_table(collections, answers)]


if __name__ == "__main__":
    main()
